"""The facts that a company's page shows: structured data of every quality, other languages, and look-alikes."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.pipeline.profiles.meta import read_found
from tests.pipeline.company_pages import ADDRESS, GRAPH, page, read_file, read_page, script

ORGANIZATION = {"@context": "https://schema.org", "@type": "Organization", "name": "Weir Works", "url": ADDRESS}


def test_the_publisher_of_a_graph_is_the_company(tmp_path: Path) -> None:
    values, _ = read_page(tmp_path, page(script(GRAPH), lang="en"))
    assert values["name"] == ["Weir Works"]
    assert values["legal_name"] == ["Weir Works Ltd"]
    assert values["description"] == ["Pumps & gates for rivers."]
    assert values["emails"] == ["hello@weirworks.com"]
    assert values["phones"] == ["+441134960123"]
    assert values["country"] == ["GB"]
    assert values["address"] == ["1 Lock Lane, LS1 4AP Leeds, United Kingdom"]
    assert values["logo"] == ["https://www.weirworks.com/logo.svg"]
    assert values["founded"] == ["1987-04-01"]
    assert values["industries"] == ["water management", "pumps"]
    assert values["socials"] == [
        "https://www.linkedin.com/company/weir-works",
        "https://x.com/weirworks",
        "https://github.com/weirworks",
        "https://www.youtube.com/@weirworks",
    ]


@pytest.mark.parametrize(
    "block",
    [
        "<!-- {} -->",
        "//<![CDATA[\n{}\n//]]>",
        "/*<![CDATA[*/ {} /*]]>*/",
        "{};",
        "[{}]",
        '{{"@context": "https://schema.org"}} {}',
    ],
)
def test_a_block_in_comments_or_with_several_values_is_read(tmp_path: Path, block: str) -> None:
    values, _ = read_page(tmp_path, page(script(block.format(json.dumps(ORGANIZATION)))))
    assert values["name"] == ["Weir Works"]


@pytest.mark.parametrize(
    "block",
    [
        '{"@type": "Organization", "name": "Weir Works", "sameAs": ["https://x.com/weirworks",],}',
        '{"@type": "Organization", "name": "Weir\nWorks"}',
        '{"@type": "Organization", /* ours */ "name": "Weir Works", // https://x.com/ours\n "slogan": "Flow",}',
        '{"@graph": [{"@type": "Organization", "name": "Weir Works"',
        r'{"@type": "Organization", "name": "Weir Works", "description": "C:\docs \u12"}',
        "{&quot;@type&quot;: &quot;Organization&quot;, &quot;name&quot;: &quot;Weir Works&quot;}",
        '{"@type": "http://schema.org/Organization", "name": {"@value": "Weir Works"}}',
        '{"@type": ["Plumber", "LocalBusiness"], "name": ["Weir Works"]}',
        '{"@type": "EmergencyService", "name": "Weir Works"}',
    ],
)
def test_a_block_that_is_not_quite_json_is_read(tmp_path: Path, block: str) -> None:
    values, _ = read_page(tmp_path, page(script(block)))
    assert values["name"] == ["Weir Works"]


def test_a_block_that_is_no_json_does_not_hide_the_next_one(tmp_path: Path) -> None:
    broken = '{"@type": "Organization", "name": "Half'
    values, _ = read_page(tmp_path, page(script(broken) + script(ORGANIZATION)))
    assert values["name"] == ["Weir Works"]


@pytest.mark.parametrize(
    "others",
    [
        [{"@type": "Organization", "name": "Pagemakers", "url": "https://pagemakers.example", "logo": "/l.png"}],
        [{"@type": "Product", "name": "Pump", "brand": {"@type": "Brand", "name": "Pumpo", "logo": "/p.png"}}],
        [{"@type": "WebPage", "author": {"@type": "Organization", "name": "Writers", "email": "a@writers.example"}}],
        [
            {
                "@type": "Review",
                "itemReviewed": {"@type": "LocalBusiness", "name": "Rival", "telephone": "+1 212 555 0100"},
            }
        ],
    ],
)
def test_of_several_organizations_the_one_of_the_page_counts(tmp_path: Path, others: list[Any]) -> None:
    values, _ = read_page(tmp_path, page(script([*others, ORGANIZATION])))
    assert values["name"] == ["Weir Works"]
    assert "phones" not in values


def test_the_name_of_a_site_counts_where_no_organization_is_described(tmp_path: Path) -> None:
    values, _ = read_page(tmp_path, page(script({"@type": "WebSite", "name": "Weir Works", "url": ADDRESS})))
    assert values == {"name": ["Weir Works"]}


def test_an_organization_of_another_site_alone_is_not_the_company(tmp_path: Path) -> None:
    other = {
        "@type": "Article",
        "author": {"@type": "Organization", "name": "Writers", "url": "https://writers.example"},
    }
    values, _ = read_page(tmp_path, page(script(other)))
    assert "name" not in values


def test_microdata_is_read_where_there_is_no_json_ld(tmp_path: Path) -> None:
    body = (
        '<div itemscope itemtype="https://schema.org/Plumber"><h1 itemprop="name">Weir <b>Works</b></h1>'
        '<a itemprop="url" href="https://weirworks.com/">Home</a><img itemprop="logo" src="/logo.png">'
        '<div itemprop="address" itemscope itemtype="https://schema.org/PostalAddress">'
        '<span itemprop="streetAddress">1 Lock Lane</span><span itemprop="addressLocality">Leeds</span>'
        '<meta itemprop="addressCountry" content="GB"></div><span itemprop="telephone">0113 496 0123</span></div>'
    )
    values, metadata = read_page(tmp_path, page(body=body))
    assert (values["name"], values["phones"]) == (["Weir Works"], ["+441134960123"])
    assert (values["address"], values["logo"]) == (["1 Lock Lane, Leeds, GB"], ["https://www.weirworks.com/logo.png"])
    assert {fact["kind"] for fact in metadata["facts"]} == {"microdata"}
    values, _ = read_page(tmp_path, page(script({**ORGANIZATION, "name": "By JSON-LD"}), body))
    assert values["name"] == ["By JSON-LD"]


def test_what_a_page_reader_has_found_counts_as_the_head_of_the_page() -> None:
    found = {"title": "Pumps for rivers | Weir Works", "language": "en-GB", "description": "Pumps.", "author": "Ann"}
    facts = {fact.field: fact.value for fact in read_found(found, ADDRESS)}
    assert facts == {"name": "Weir Works", "language": "en", "description": "Pumps."}


def test_opengraph_and_meta_are_read_where_there_is_no_structured_data(tmp_path: Path) -> None:
    head = (
        '<title>Pumps for rivers | Weir Works</title><meta property="og:site_name" content="Weir Works">'
        '<meta property="og:description" content="Pumps."><meta name="description" content="Pumps and gates.">'
        '<meta property="og:locale" content="en_GB"><meta name="keywords" content="pumps, gates">'
        '<meta property="og:street-address" content="1 Lock Lane"><meta property="og:locality" content="Leeds">'
        '<meta property="og:country-name" content="United Kingdom"><meta name="twitter:site" content="@WeirWorks">'
        '<link rel="apple-touch-icon" href="/icon.png">'
    )
    values, metadata = read_page(tmp_path, page(head))
    assert values["name"] == ["Weir Works", "Weir Works"]
    assert values["description"] == ["Pumps.", "Pumps and gates."]
    assert (values["language"], values["country"]) == (["en"], ["GB"])
    assert (values["industries"], values["address"]) == (["pumps", "gates"], ["1 Lock Lane, Leeds"])
    assert (values["socials"], values["logo"]) == (["https://x.com/weirworks"], ["https://www.weirworks.com/icon.png"])
    assert {fact["kind"] for fact in metadata["facts"]} == {"opengraph", "meta"}


def test_a_page_that_says_nothing_has_no_facts(tmp_path: Path) -> None:
    assert read_page(tmp_path, page(body="<p>Hello.</p>")) == ({}, {"facts": [], "links": []})
    assert read_page(tmp_path, "")[0] == {}
    assert read_page(tmp_path, page(script("")))[0] == {}


@pytest.mark.parametrize(
    "text",
    [
        "Invoice 2026-11-30 / 4711-0815",
        "IBAN GB29 NWBK 6016 1331 9268 19",
        "VAT GB 123 4567 89",
        "Fax: +44 113 496 0123",
        "ISBN 978-3-16-148410-0",
        "From 10:00 to 18:00, 365 days",
        "Tel: 12",
        "Tel: 0000 000 0000",
        "Phone: 1234567890",
        "Order no. 0113 496 0123",
        "Version 10.20.30.40",
        "£ 1 134 960 123",
    ],
)
def test_a_number_that_only_looks_like_a_telephone_number_is_none(tmp_path: Path, text: str) -> None:
    values, _ = read_page(tmp_path, page(body=f"<p>{text}</p>", lang="en-GB"), "https://weirworks.co.uk/contact")
    assert "phones" not in values


@pytest.mark.parametrize(
    ("written", "address", "number"),
    [
        ("Tel. 030 / 12 34 56-0", "https://weir.de/kontakt", "+49301234560"),
        ("Phone: (212) 555-0142", "https://weir.us/contact", "+12125550142"),
        ("Tel: +49 (0) 30 123456", "https://weir.com/contact", "+4930123456"),
        ("Tél. 01 42 68 53 00", "https://weir.fr/contact", "+33142685300"),
        ("Tel.: 06 1234 5678", "https://weir.it/contatti", "+390612345678"),
        ("Telefon: 0043 1 234567", "https://weir.at/kontakt", "+431234567"),
        ("Call us: 020 7946 0123", "https://weir.co.uk/contact", "+442079460123"),
    ],
)
def test_a_telephone_number_is_written_in_the_international_form(
    tmp_path: Path, written: str, address: str, number: str
) -> None:
    assert read_page(tmp_path, page(body=f"<p>{written}</p>"), address)[0]["phones"] == [number]


def test_a_national_number_of_an_unknown_country_is_left_out(tmp_path: Path) -> None:
    assert "phones" not in read_page(tmp_path, page(body="<p>Tel: 030 123456</p>"), "https://weir.io/contact")[0]


def test_only_valid_mail_addresses_are_read(tmp_path: Path) -> None:
    bad = (
        "mailto:a@weir.com%0ABcc:x@evil.example",
        "mailto:javascript:alert(1)",
        "mailto:?subject=Hello",
        "mailto:a@b@weir.com",
        "mailto:&lt;script&gt;@weir.com",
        "mailto:you@example.com",
    )
    links = "".join(f"<a href='{href}'>Mail</a>" for href in (*bad, "mailto:Office@Weir.com?subject=Hi%0AThere"))
    text = "<p>logo@2x.png 0123456789abcdef0123456789abcdef@errors.example sales@weir.com.</p>"
    assert read_page(tmp_path, page(body=links + text))[0]["emails"] == ["office@weir.com", "sales@weir.com"]


def test_only_accounts_count_as_social_links(tmp_path: Path) -> None:
    bad = (
        "javascript:alert('https://x.com/evil')",
        "https://x.com/intent/tweet?text=a",
        "https://www.facebook.com/sharer/sharer.php?u=a",
        "https://www.linkedin.com/shareArticle?url=a",
        "https://www.linkedin.com/in/ann-weir",
        "https://www.linkedin.com/company/../in/ann-weir",
        "https://www.linkedin.com/company/%2e%2e/",
        "https://github.com/features",
        "https://x.com.evil.example/weir",
        "https://evil.example/?https://x.com/weir",
        "https://user@x.com/weir",
        "https://x.com/",
        "https://www.youtube.com/watch?v=1",
        "https://instagram.com/p/1",
    )
    good = ("//twitter.com/@Weir?ref=a", "https://de.linkedin.com/company/weir/", "http://m.facebook.com/weir.works/")
    body = "".join(f'<a href="{href}">Follow</a>' for href in (*bad, *good))
    assert read_page(tmp_path, page(body=body))[0]["socials"] == [
        "https://x.com/weir",
        "https://www.linkedin.com/company/weir",
        "https://www.facebook.com/weir.works",
    ]


def test_pages_of_the_same_site_that_say_more_are_chosen(tmp_path: Path) -> None:
    links = {
        "/en/company/about-us": "About us",
        "/blog/about-pumps": "About pumps",
        "https://other.example/impressum": "Impressum",
        "/privacy": "Privacy",
        "/legal-notice#top": "Legal notice",
        "https://weirworks.com/contact": "Contact",
        "mailto:a@weir.com": "Contact",
        "/p/17": "Über uns",
        "/contact.pdf": "Contact",
    }
    body = "".join(f"<a href='{href}'>{text}</a>" for href, text in links.items())
    _, metadata = read_page(tmp_path, page(body=body))
    assert metadata["links"] == [
        "https://www.weirworks.com/legal-notice",
        "https://weirworks.com/contact",
        "https://www.weirworks.com/p/17",
        "https://www.weirworks.com/en/company/about-us",
    ]


@pytest.mark.parametrize(
    "path",
    ["/impressum", "/de/Impressum.html", "/mentions-legales", "/kontakt", "/a-propos", "/sobre-nosotros", "/azienda"],
)
def test_pages_of_companies_have_usual_names_in_many_languages(tmp_path: Path, path: str) -> None:
    _, metadata = read_page(tmp_path, page(body=f"<a href='{path}'>x</a>"))
    assert metadata["links"] == [f"https://www.weirworks.com{path}"]


@pytest.mark.parametrize(
    "path", ["/press/contact", "/presse/impressum-foto", "/jobs/about-us", "/terms-contact", "/blog/about"]
)
def test_pages_of_other_kinds_are_not_chosen(tmp_path: Path, path: str) -> None:
    _, metadata = read_page(tmp_path, page(body=f"<a href='{path}'>x</a>"))
    assert metadata["links"] == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("© 2026 Weir Works, Inc. All rights reserved.", "Weir Works, Inc."),
        ("Copyright 1999-2026 Écluse et Fils S.A.S.", "Écluse et Fils S.A.S."),
        ("© Kołowrót sp. z o.o.", "Kołowrót sp. z o.o."),
        ("We work with Big Corp. and Other Ltd.", None),
    ],
)
def test_a_legal_name_counts_beside_a_copyright_mark_only(tmp_path: Path, line: str, name: str | None) -> None:
    values, _ = read_page(tmp_path, page(body=f"<footer>{line}</footer>"))
    assert values.get("legal_name") == ([name] if name else None)


def test_a_markdown_page_has_the_facts_of_its_text_and_links(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("# Contact\nWeir Works Ltd\nTel: +44 113 496 0123\n[Mail](mailto:office@weir.com) [Us](/about-us)")
    values, metadata = read_file(path)
    assert (values["phones"], values["emails"]) == (["+441134960123"], ["office@weir.com"])
    assert metadata["links"] == ["https://www.weirworks.com/about-us"]
