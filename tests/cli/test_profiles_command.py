"""The commands for customer profiles."""

from tests.cli.test_commands import run, run_json
from tests.running import Stack


def test_a_profile_is_made_from_documents_shown_listed_and_deleted(shared_stack: Stack) -> None:
    agent = str(shared_stack.make_agent())
    text = b"Weir Works Ltd was founded in 1987. Write to office@weirworks.example."
    shared_stack.finish([shared_stack.upload(int(agent), "about.txt", text)["task_id"]])
    run(shared_stack, "profiles", "enrich-all", "--agent", agent, "--documents", "--wait")
    [listed] = run_json(shared_stack, "profiles", "list", "--agent", agent, "--status", "enriched")["profiles"]
    shown = run(shared_stack, "profiles", "show", str(listed["id"])).stdout
    assert "fields.founded" in shown
    assert "office@weirworks.example" in shown
    run(shared_stack, "profiles", "delete", str(listed["id"]))
    assert run_json(shared_stack, "profiles", "list", "--agent", agent)["total"] == 0


def test_a_profile_without_a_website_says_what_to_do(shared_stack: Stack) -> None:
    agent = str(shared_stack.make_agent())
    made = run_json(shared_stack, "profiles", "create", "--agent", agent, "--name", "Weir", "--enrich-every-days", "7")
    assert (made["name"], made["enrich_every_days"]) == ("Weir", 7)
    assert "Set one, or enrich it from" in run(shared_stack, "profiles", "enrich", str(made["id"]), code=2).stderr
    assert "--documents makes one" in run(
        shared_stack, "profiles", "enrich-all", "--agent", agent, "--documents", "--name", "a", code=2
    ).stderr  # fmt: skip
