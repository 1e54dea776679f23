"""What the head of a page states about its company: OpenGraph, Twitter cards, ``<meta>``, ``<link>`` and the title."""

import re
from collections.abc import Iterator, Mapping

from lxml import etree

from app.domain.profiles import SOCIALS, Fact, SourceKind
from app.pipeline.profiles.addresses import join, read_host
from app.pipeline.profiles.contacts import read_mail, read_phone
from app.pipeline.profiles.countries import find_country
from app.pipeline.profiles.socials import make_account, read_account
from app.pipeline.text import clean_line

_OPENGRAPH = {
    "name": ("og:site_name",),
    "description": ("og:description",),
    "country": ("og:country-name", "business:contact_data:country_name"),
    "emails": ("og:email", "business:contact_data:email"),
    "phones": ("og:phone_number", "business:contact_data:phone_number"),
    "language": ("og:locale",),
}
_META = {
    "name": ("application-name", "apple-mobile-web-app-title", "publisher"),
    "description": ("description", "twitter:description", "dc.description"),
    "language": ("content-language", "dc.language"),
    "industries": ("keywords",),
}
_ADDRESS = (
    ("og:street-address", "og:postal-code", "og:locality"),
    ("business:contact_data:street_address", "business:contact_data:postal_code", "business:contact_data:locality"),
)
_ACCOUNTS = {"twitter:site": "x", "article:publisher": "facebook"}
_SEPARATOR = re.compile(r"\s+[|·•–—:»-]\s+|\s*[|»]\s*|:\s+")  # noqa: RUF001
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}))?", re.IGNORECASE)
_LONGEST, _WORDS, _LABEL = 1000, 10, 3
_GENERIC = {"home", "homepage", "startseite", "start", "welcome", "willkommen", "accueil", "inicio", "index", "ホーム",
            "impressum", "imprint", "contact", "kontakt", "about", "about us"}  # fmt: skip


def read_names(tree: etree._Element) -> dict[str, str]:
    """The contents of ``<meta>`` by their names in lower case, the first of each."""
    given = dict[str, str]()
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("http-equiv") or "").strip().lower()
        content = clean_line(meta.get("content") or "", _LONGEST)
        if name and content:
            given.setdefault(name, content)
    return given


def read_locale(tree: etree._Element, given: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The language of a page, and the country that its language tag names; None where it states none."""
    tags = (tree.get("lang"), tree.get("{http://www.w3.org/XML/1998/namespace}lang"), given.get("og:locale"))
    found = next((match for tag in tags if tag and (match := _LANGUAGE.fullmatch(tag.strip()))), None)
    return (found[1].lower(), found[3].upper() if found[3] else None) if found else (None, None)


def read_head(tree: etree._Element, given: Mapping[str, str], address: str, country: str | None) -> Iterator[Fact]:
    """The facts of the head. ``country`` is that of the page, for numbers without a country."""
    for kind, names in ((SourceKind.OPENGRAPH, _OPENGRAPH), (SourceKind.META, _META)):
        for field, keys in names.items():
            for text in (given[key] for key in keys if key in given):
                yield from _read(field, text, kind, country)
    for names_of_address in _ADDRESS:
        street, code, city = (given.get(name, "") for name in names_of_address)
        if street or city:
            text = ", ".join(filter(None, (street, f"{code} {city}".strip())))
            yield Fact("address", text, SourceKind.OPENGRAPH, quote=text[:200])
    for account, network in _ACCOUNTS.items():
        yield from _read_account(given.get(account, ""), network)
    language, _ = read_locale(tree, {})
    if language:
        yield Fact("language", language, SourceKind.META, quote=tree.get("lang"))
    title = tree.find(".//title")
    if title is not None and (name := choose_name("".join(map(str, title.itertext())), address)):
        yield name
    yield from _read_links(tree, address)


def _read(field: str, text: str, kind: SourceKind, country: str | None) -> Iterator[Fact]:
    values: list[str | None] = [text]
    if field == "emails":
        values = [read_mail(text)]
    elif field == "phones":
        values = [read_phone(text, country)]
    elif field == "country":
        values = [find_country(text)]
    elif field == "language":
        found = _LANGUAGE.fullmatch(text)
        values = [found[1].lower() if found else None]
    elif field == "industries":
        values = [word.strip()[:80] for word in text.split(",")[:_WORDS] if word.strip()]
    yield from (Fact(field, value, kind, quote=text[:200]) for value in values if value)


def _read_account(text: str, network: str) -> Iterator[Fact]:
    address = make_account(network, text) if text.startswith("@") else (read_account(text) or (None, None))[1]
    if address:
        yield Fact(SOCIALS, address, SourceKind.META, quote=text[:200], key=network)


def read_found(found: Mapping[str, str], address: str) -> Iterator[Fact]:
    """The facts of what a page reader that returns no HTML has found in the head of a page, by the reader's names."""
    if name := choose_name(found.get("title", ""), address):
        yield name
    for field in ("description", "language"):
        if text := clean_line(found.get(field, ""), _LONGEST):
            yield from _read(field, text, SourceKind.META, None)


def choose_name(title: str, address: str) -> Fact | None:
    """The part of the title that the host names, such as *Weir Works* in *Pumps | Weir Works* of weirworks.com."""
    text = clean_line(title)
    parts = [part.strip() for part in _SEPARATOR.split(text) if part and part.strip().lower() not in _GENERIC]
    labels = [_squeeze(label) for label in read_host(address).split(".")]
    named = [part for part in parts if any(len(label) >= _LABEL and label in _squeeze(part) for label in labels)]
    chosen = min(named, key=len, default=None)
    return Fact("name", chosen[:200], SourceKind.META, quote=text[:200]) if chosen else None


def _squeeze(text: str) -> str:
    return re.sub(r"[^\w]", "", text.lower())


def _read_links(tree: etree._Element, address: str) -> Iterator[Fact]:
    """The icon, and the accounts that the page says are the same person's."""
    icons = dict[str, str]()
    for link in tree.iter("link", "a"):
        rel, href = set((link.get("rel") or "").lower().split()), (link.get("href") or "").strip()
        if not href:
            continue
        if "me" in rel and (account := read_account(href)):
            yield Fact(SOCIALS, account[1], SourceKind.META, quote=href[:200], key=account[0])
        for wanted in rel & {"apple-touch-icon", "icon"} if link.tag == "link" else ():
            icons.setdefault(wanted, href)
    for wanted in ("apple-touch-icon", "icon"):
        if wanted in icons and (url := join(address, icons[wanted])):
            yield Fact("logo", url, SourceKind.META, quote=icons[wanted][:200])
