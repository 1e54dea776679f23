"""Customer profiles are enriched from the pages of companies."""

from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.database import fetch
from tests.flows.site import Page, Site, html, serve
from tests.pipeline.company_pages import GRAPH, script
from tests.running import Stack

IMPRINT = (
    "<h1>Imprint</h1><p>Weir Works Ltd<br>1 Lock Lane<br>LS1 4AP Leeds<br>United Kingdom</p>"
    "<p>Tel: +44 113 496 0199</p>"
)
HOME = "<a href='/imprint'>Imprint</a><a href='/about'>About us</a><a href='/broken/contact'>Contact</a>"
ABOUT = "<p>We build pumps and gates for rivers, canals and harbours in the north of England, and repair old ones.</p>"


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {
        "/": html(f"<p>Hello.</p>{HOME}", script(GRAPH)),
        "/imprint": html(IMPRINT),
        "/about": html(ABOUT),
        "/broken/contact": (503, {}, b""),
        "/only-text/": html(ABOUT, "<title>Text</title>"),
        "/hidden/": html(ABOUT),
        "/inside/": (302, {"Location": "http://169.254.169.254/"}, b""),
        "/robots.txt": (200, {"Content-Type": "text/plain"}, b"User-agent: *\nDisallow: /hidden/"),
    }


@pytest.fixture(scope="module")
def site(pages: dict[str, Page]) -> Any:
    with serve(lambda path: pages.get(path.partition("?")[0])) as running:
        yield running


def create(stack: Stack, agent: int, **fields: Any) -> dict[str, Any]:
    """Create a profile."""
    made: dict[str, Any] = stack.post(f"/agents/{agent}/profiles", fields)
    return made


def enrich(stack: Stack, profile: dict[str, Any], **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Enrich a profile and wait: the profile and the task."""
    accepted = stack.post(f"/profiles/{profile['id']}/enrich", fields)
    [task] = stack.finish([accepted["task_id"]])
    return stack.get(f"/profiles/{profile['id']}"), task


def test_a_profile_has_what_the_pages_of_the_company_say_with_sources(
    shared_stack: Stack, agent: int, site: Site
) -> None:
    made = create(shared_stack, agent, website=f"{site.url}/")
    assert (made["status"], made["fields"]) == ("new", {})
    profile, task = enrich(shared_stack, made)
    assert (task["state"], task["queue"], task["task_name"]) == (
        "SUCCESS", "low_priority", "app.tasks.profile_tasks.enrich_profile",
    )  # fmt: skip
    assert (task["result"]["status"], task["result"]["pages"]) == ("enriched", 3)
    assert (profile["status"], profile["name"], profile["error"]) == ("enriched", "Weir Works", None)
    fields = profile["fields"]
    assert fields["legal_name"]["value"] == "Weir Works Ltd"
    assert [source["kind"] for source in fields["legal_name"]["sources"]] == ["json-ld", "text"]
    assert fields["phones"]["value"] == ["+441134960123", "+441134960199"]
    imprint = fields["phones"]["sources"][1]
    assert (imprint["url"], imprint["quote"]) == (f"{site.url}/imprint", "Tel: +44 113 496 0199")
    assert fields["socials"]["value"]["linkedin"] == "https://www.linkedin.com/company/weir-works"
    assert profile["summary"] is None
    assert profile["enriched_at"]


def test_an_enrichment_keeps_what_a_user_has_set(shared_stack: Stack, agent: int, site: Site) -> None:
    made = create(shared_stack, agent, website=f"{site.url}/?kept", name="Weir", fields={"emails": ["me@weir.example"]})
    shared_stack.client.patch(f"/profiles/{made['id']}", json={"fields": {"name": "The Weir"}}).raise_for_status()
    profile, _ = enrich(shared_stack, made)
    assert (profile["name"], profile["fields"]["name"]["value"]) == ("Weir", "The Weir")
    assert profile["fields"]["emails"]["value"] == ["me@weir.example"]
    kinds = [source["kind"] for source in profile["fields"]["emails"]["sources"]]
    assert kinds[0] == "user"
    assert "json-ld" in kinds
    body = {"fields": {"name": None}}
    changed = shared_stack.client.patch(f"/profiles/{made['id']}", json=body).json()
    assert changed["fields"]["name"]["value"] == "Weir Works"


@pytest.mark.parametrize(
    ("path", "code"), [("/hidden/", "disallowed_by_robots"), ("/inside/", "url_not_allowed"), ("/gone-not", None)]
)
def test_a_failure_keeps_the_former_values(
    shared_stack: Stack, agent: int, site: Site, path: str, code: str | None
) -> None:
    made = create(shared_stack, agent, website=f"{site.url}{path}", fields={"country": "GB"})
    profile, task = enrich(shared_stack, made)
    if code:
        assert (task["state"], profile["status"], profile["error"]["code"]) == ("FAILURE", "failed", code)
    else:
        assert (task["state"], profile["status"]) == ("SUCCESS", "stale")
    assert profile["fields"]["country"]["value"] == "GB"


def test_all_profiles_of_an_agent_are_enriched_by_the_children_of_one_task(
    shared_stack: Stack, agent: int, site: Site
) -> None:
    for number in range(3):
        create(shared_stack, agent, website=f"{site.url}/only-text/?{number}", name=f"Weir {number}")
    create(shared_stack, agent, name="Without a website")
    accepted = shared_stack.post(f"/agents/{agent}/profiles/enrich", {"filter": {"status": "new", "name": "WEIR"}})
    [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["counts"]["succeeded"], task["result"]["total"]) == ("SUCCESS", 3, 3)
    found = shared_stack.client.get(f"/agents/{agent}/profiles", params={"status": "enriched"}).json()
    assert [profile["name"] for profile in found["profiles"]] == ["Weir 2", "Weir 1", "Weir 0"]
    again = shared_stack.post(f"/agents/{agent}/profiles/enrich", {"filter": {"status": "new", "name": "weir"}})
    [empty] = shared_stack.finish([again["task_id"]])
    assert (empty["state"], empty["result"]["total"]) == ("SUCCESS", 0)


def test_a_profile_is_enriched_from_the_documents_of_its_agent(shared_stack: Stack, agent: int) -> None:
    text = (
        "About Lock Lane Pumps\nLock Lane Pumps builds pumps for locks and weirs.\n\n"
        "Lock Lane Pumps Ltd was founded in 1987. Write to office@locklane.example or call: +44 113 496 0155."
    )
    upload = shared_stack.upload(agent, "about.txt", text.encode())
    shared_stack.finish([upload["task_id"]])
    accepted = shared_stack.post(f"/agents/{agent}/profiles/enrich", {"source": "documents"})
    [task] = shared_stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS"
    profile = shared_stack.get(f"/profiles/{accepted['profile_id']}")
    fields = profile["fields"]
    assert fields["emails"]["value"] == ["office@locklane.example"]
    assert (fields["founded"]["value"], fields["phones"]["value"]) == ("1987", ["+441134960155"])
    source = fields["emails"]["sources"][0]
    assert source["document_id"] == upload["document_id"]
    assert text[source["start"] : source["end"]] == source["quote"]
    again = shared_stack.post(f"/agents/{agent}/profiles/enrich", {"source": "documents"})
    assert again["profile_id"] == profile["id"]
    shared_stack.finish([again["task_id"]])
    removal = shared_stack.client.delete(f"/documents/{upload['document_id']}").json()
    shared_stack.finish([removal["task_id"]])
    assert shared_stack.get(f"/profiles/{profile['id']}")["fields"] == {}


def test_an_agent_is_deleted_with_its_profiles(shared_stack: Stack, agent: int) -> None:
    made = create(shared_stack, agent, name="Weir Works")
    removal = shared_stack.client.delete(f"/agents/{agent}").json()
    check_problem(shared_stack.client.get(f"/profiles/{made['id']}"), 404, "not_found")
    shared_stack.finish([removal["task_id"]])
    url = shared_stack.settings.database_url or ""
    assert fetch(url, "SELECT id FROM customer_profiles WHERE agent_id = $1", agent) == []


def test_a_deleted_profile_leaves_no_name_behind(shared_stack: Stack, agent: int, site: Site) -> None:
    made = create(shared_stack, agent, website=f"{site.url}/?deleted")
    _, task = enrich(shared_stack, made)
    assert shared_stack.client.delete(f"/profiles/{made['id']}").status_code == 204
    check_problem(shared_stack.client.get(f"/profiles/{made['id']}"), 404, "not_found")
    left = shared_stack.client.get(f"/tasks/{task['task_id']}").text
    assert "Weir" not in left
    assert str(site.url).partition("://")[2] not in left
