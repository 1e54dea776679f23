"""Reads one page for a profile: facts with their sources, its text, and the pages that may say more."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import ParseLimitExceededError
from app.domain.profiles import SOCIALS, Fact, SourceKind
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.rendering.marks import take_marks
from app.pipeline.parse.web.body import Reading, write_lines
from app.pipeline.parse.web.flow import ADDRESS, join_lines
from app.pipeline.parse.web.markup import decode_markup, make_budget
from app.pipeline.parse.web.tree import read_tree
from app.pipeline.profiles.addresses import join, read_host
from app.pipeline.profiles.contacts import read_mail, read_phone
from app.pipeline.profiles.countries import find_country_of_host
from app.pipeline.profiles.json_ld import list_nodes, read_blocks
from app.pipeline.profiles.links import PageLink, choose_pages, find_category
from app.pipeline.profiles.markdown import write_html
from app.pipeline.profiles.meta import read_head, read_locale, read_names
from app.pipeline.profiles.microdata import read_items
from app.pipeline.profiles.organization import choose_organization, find_site_name, read_organization
from app.pipeline.profiles.socials import read_account
from app.pipeline.profiles.text_facts import read_text_facts
from app.pipeline.text import clean, clean_line

_ADDRESS = re.compile(f"{ADDRESS}[^{ADDRESS}]*{ADDRESS}")
_TEXT = 20_000
"""The characters of a page's text that are kept, for the summary."""
_FACTS, _OF_FIELD = 200, 20
_LINKS, _FURTHER = 5_000, 8
_LONGEST_VALUE = 1000


def read(path: Path, limits: Limits) -> Parsed:
    """The text of a page as one page, with ``facts`` and ``links`` as its metadata. A file ``.md`` is Markdown.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError: when it is larger, or one element has more attributes, than allowed.
    """
    if path.stat().st_size > limits.markup_bytes:
        raise ParseLimitExceededError("The page is larger than is allowed.")
    address = limits.address or ""
    markup = decode_markup(path.read_bytes(), limits)
    tree = read_tree(write_html(markup) if path.suffix == ".md" else markup, limits)
    if tree is None:
        return Parsed([])
    text = _write_text(tree, limits)
    facts = _bound(_read_facts(tree, text, address))
    pages = [Page(None, text[:_TEXT])] if text else []
    return Parsed(pages, {"facts": facts, "links": _choose_links(tree, address)})


def _write_text(tree: etree._Element, limits: Limits) -> str:
    """All visible text, with headers and footers, which have contacts, and without the addresses of links."""
    lines = write_lines(tree, make_budget(limits), Reading(noscript=True))
    for line in lines:
        line.text = _ADDRESS.sub("", line.text) if ADDRESS in line.text else line.text
    return take_marks(clean(join_lines(lines)))[0]


def _read_facts(tree: etree._Element, text: str, address: str) -> Iterator[Fact]:
    parts = urlsplit(address)
    given = read_names(tree)
    _, region = read_locale(tree, given)
    country = find_country_of_host(read_host(address)) or region
    blocks = ("".join(map(str, script.itertext())) for script in tree.iter("script") if _is_json_ld(script))
    nodes = list_nodes(read_blocks(blocks))
    found = choose_organization(nodes, address)
    items = None if found else choose_organization(list_nodes(read_items(tree)), address)
    if organization := found or items:
        kind = SourceKind.JSON_LD if found else SourceKind.MICRODATA
        stated = [replace(fact, kind=kind) for fact in read_organization(organization, address, country)]
        country = next((fact.value for fact in stated if fact.field == "country"), country)
        yield from stated
    elif name := find_site_name(nodes):
        yield Fact("name", name, SourceKind.JSON_LD, quote=name[:200])
    yield from read_head(tree, given, address, country)
    yield from _read_anchors(tree, country)
    category = find_category(parts.path, _write_title(tree))
    yield from read_text_facts(text, country, is_legal=category in {"legal", "contact"})
    if category in {None, "about"}:
        yield from _read_paragraph(tree)


def _is_json_ld(script: etree._Element) -> bool:
    return "ld+json" in (script.get("type") or "").lower()


def _read_anchors(tree: etree._Element, country: str | None) -> Iterator[Fact]:
    """The contacts and accounts that links lead to."""
    for anchor in list(tree.iter("a"))[:_LINKS]:
        href = (anchor.get("href") or "").strip()
        lower = href[:10].lower()
        if lower.startswith("mailto:") and (address := read_mail(href[7:])):
            yield Fact("emails", address, SourceKind.TEXT, quote=href[:200])
        elif lower.startswith("tel:") and (phone := read_phone(href[4:], country)):
            yield Fact("phones", phone, SourceKind.TEXT, quote=href[:200])
        elif account := read_account(href):
            yield Fact(SOCIALS, account[1], SourceKind.TEXT, quote=href[:200], key=account[0])


def _read_paragraph(tree: etree._Element) -> Iterator[Fact]:
    """The first paragraph that is long enough to describe the company."""
    shortest = 60
    for paragraph in tree.iter("p"):
        text = clean_line(_write(paragraph))
        if len(text) >= shortest and "cookie" not in text.lower():
            yield Fact("description", text, SourceKind.TEXT, quote=text[:200])
            return


def _choose_links(tree: etree._Element, address: str) -> list[str]:
    """The pages of the same site that may say more, best first."""
    base = urlsplit(address)
    links = list[PageLink]()
    for anchor in list(tree.iter("a"))[:_LINKS]:
        joined = join(address, anchor.get("href") or "")
        if joined is None or read_host(joined) != read_host(address):
            continue
        url = urlsplit(joined)
        if "@" not in url.netloc and (url.path, url.query) != (base.path, base.query):
            links.append(PageLink(url._replace(fragment="").geturl(), clean_line(_write(anchor), 100)))
    return choose_pages(links, _FURTHER)


def _write_title(tree: etree._Element) -> str:
    """The first heading of a page; without one, its title."""
    found = next((one for one in (tree.find(".//h1"), tree.find(".//title")) if one is not None), None)
    return "" if found is None else clean_line(_write(found))


def _write(element: etree._Element) -> str:
    return " ".join(map(str, element.itertext()))


def _bound(facts: Iterator[Fact]) -> list[dict[str, Any]]:
    """The facts as JSON, each once, and not too many of a field: a page may be hostile."""
    kept, counts = dict[tuple[Any, ...], dict[str, Any]](), dict[tuple[str, str], int]()
    for fact in facts:
        value = clean_line(fact.value, _LONGEST_VALUE)
        place, of_field = (fact.field, value, fact.key, fact.kind), (fact.field, fact.kind)
        if not value or place in kept or counts.get(of_field, 0) >= _OF_FIELD or len(kept) >= _FACTS:
            continue
        counts[of_field] = counts.get(of_field, 0) + 1
        quote = clean_line(fact.quote, 200) if fact.quote else None
        kept[place] = {**fact.as_json(), "field": fact.field, "value": value, **({"quote": quote} if quote else {})}
    return list(kept.values())
