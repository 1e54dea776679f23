"""The company of a page among the objects of its JSON-LD, and the facts that they state about it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.domain.profiles import SOCIALS, Fact, SourceKind
from app.pipeline.profiles.addresses import is_same_site, join, read_host
from app.pipeline.profiles.contacts import read_mail, read_phone
from app.pipeline.profiles.countries import find_country
from app.pipeline.profiles.json_ld import Node, read_text, read_texts, read_types
from app.pipeline.profiles.socials import read_account

_TYPES = {
    "Organization", "Corporation", "LocalBusiness", "NGO", "EducationalOrganization", "GovernmentOrganization",
    "NewsMediaOrganization", "OnlineBusiness", "OnlineStore", "ProfessionalService", "MedicalOrganization",
    "MedicalBusiness", "Airline", "Library", "Consortium", "SportsOrganization", "PerformingGroup", "Cooperative",
    "FinancialService", "LegalService", "Restaurant", "Store", "Hotel", "ResearchOrganization", "Brand",
}  # fmt: skip
_ENDINGS = ("Organization", "Business", "Store", "Service", "Agency", "Office", "Shop", "Dealer", "Company", "Clinic",
            "School", "Contractor", "Institution", "Hospital", "Bakery", "Practice")  # fmt: skip
_SHAPE = {"telephone", "address", "sameAs", "logo", "contactPoint", "legalName", "foundingDate", "email"}
_OTHERS = {"Person", "WebSite", "WebPage", "Article", "BlogPosting", "NewsArticle", "Product", "Event", "JobPosting",
           "Place", "PostalAddress", "ContactPoint", "Offer", "Review", "ImageObject", "SearchAction"}  # fmt: skip
_FOREIGN_ROLES = {"author", "creator", "reviewedBy", "itemReviewed", "brand", "manufacturer", "seller", "sponsor",
                  "funder", "parentOrganization", "subOrganization", "memberOf", "member", "hiringOrganization",
                  "worksFor", "alumniOf", "affiliation", "client", "customer", "review", "competitor",
                  "department", "provider", "organizer", "performer", "location"}  # fmt: skip
"""Properties whose organization is most often another company."""
_TEXTS = {
    "name": ("name", "alternateName"),
    "legal_name": ("legalName",),
    "description": ("description", "disambiguatingDescription"),
}
_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)(?:-(\d\d)(?:-(\d\d))?)?")
_LEAST = 0


def choose_organization(nodes: Sequence[Node], address: str) -> Mapping[str, Any] | None:
    """The company whose page this is, with all that the objects of the same ``@id`` state; None without one."""
    site, by_id, published = read_host(address), dict[str, dict[str, Any]](), set[str]()
    for node in nodes:
        if isinstance(own := node.value.get("@id"), str):
            by_id.setdefault(own, {}).update({name: one for name, one in node.value.items() if name not in by_id[own]})
            if node.role in {"publisher", "mainEntity", "about"}:
                published.add(own)
    best, best_score = None, _LEAST - 1
    for node in nodes:
        own = node.value.get("@id")
        value = by_id[own] if isinstance(own, str) else node.value
        if _is_organization(value):
            score = _score(value, node.role, site) + (3 if isinstance(own, str) and own in published else 0)
            if score > best_score:
                best, best_score = value, score
    return best


def find_site_name(nodes: Iterable[Node]) -> str | None:
    """The name of the site, for a page that describes no organization."""
    sites = (node.value for node in nodes if "WebSite" in read_types(node.value))
    return next((name for site in sites if (name := read_text(site.get("name")))), None)


def _is_organization(value: Mapping[str, Any]) -> bool:
    types = read_types(value)
    if not isinstance(value.get("name") or value.get("legalName"), (str, list, Mapping)):
        return False
    if types & _TYPES or any(one.endswith(_ENDINGS) for one in types):
        return True
    return not types & _OTHERS and len(_SHAPE & value.keys()) > 1


def _score(value: Mapping[str, Any], role: str, site: str) -> int:
    """How much speaks for this organization: its address is the page's, it is the publisher, much is said about it."""
    score = min(3, len(_SHAPE & value.keys())) + (2 if role in {"", "publisher", "mainEntity", "about"} else 0)
    score -= 5 if role in _FOREIGN_ROLES else 0
    stated = read_host(read_text(value.get("url")) or "")
    if stated:
        score += 5 if is_same_site(stated, site) else -3
    identified = read_host(value["@id"]) if isinstance(value.get("@id"), str) else ""
    return score + (2 if identified and is_same_site(identified, site) else 0)


def read_organization(value: Mapping[str, Any], address: str, country: str | None) -> Iterator[Fact]:
    """The facts that an object states. ``country`` is that of the page, for numbers without a country."""
    for field, names in _TEXTS.items():
        if text := next((text for name in names if (text := read_text(value.get(name)))), None):
            yield _fact(field, text)
    for name in ("industry", "keywords", "knowsAbout"):
        for text in read_texts(value.get(name)):
            yield from (_fact("industries", word.strip()[:80]) for word in text.split(",")[:10] if word.strip())
    places = _as_list(value.get("address"))
    stated = next((code for one in places if isinstance(one, Mapping) and (code := _read_country(one))), None)
    yield from _read_contacts(value, stated or country)
    yield from (_fact("address", text) for one in places if (text := _write_address(one)))
    if stated:
        yield _fact("country", stated)
    if (logo := read_text(value.get("logo"))) and (url := join(address, logo)):
        yield _fact("logo", url)
    if founded := _YEAR.search(read_text(value.get("foundingDate")) or ""):
        yield _fact("founded", founded[0])
    for link in read_texts(value.get("sameAs")):
        if account := read_account(link):
            yield Fact(SOCIALS, account[1], SourceKind.JSON_LD, quote=link[:200], key=account[0])


def _read_contacts(value: Mapping[str, Any], country: str | None) -> Iterator[Fact]:
    points = [value, *(one for one in _as_list(value.get("contactPoint")) if isinstance(one, Mapping))][:20]
    for point in points:
        for text in read_texts(point.get("email")):
            if address := read_mail(text):
                yield _fact("emails", address, text)
        for text in read_texts(point.get("telephone")):
            if phone := read_phone(text, country):
                yield _fact("phones", phone, text)


def _fact(field: str, value: str, quote: str | None = None) -> Fact:
    return Fact(field, value, SourceKind.JSON_LD, quote=(quote or value)[:200])


def _as_list(value: Any) -> list[Any]:
    return value[:20] if isinstance(value, list) else [value]


def _read_country(place: Mapping[str, Any]) -> str | None:
    text = read_text(place.get("addressCountry"))
    return find_country(text) if text else None


def _write_address(place: Any) -> str | None:
    """An address on one line: street, postal code and city, region, country."""
    if not isinstance(place, Mapping):
        return read_text(place) if isinstance(place, str) else None
    city = " ".join(filter(None, (read_text(place.get(name)) for name in ("postalCode", "addressLocality"))))
    parts = [read_text(place.get("streetAddress")), city, read_text(place.get("addressRegion"))]
    written = ", ".join(part for part in parts if part)
    country = read_text(place.get("addressCountry"))
    return f"{written}, {country}" if written and country else written or None
