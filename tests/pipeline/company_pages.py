"""Small pages of companies, of the kinds that occur: well-formed, broken, in several languages, and hostile."""

import json
from pathlib import Path
from typing import Any

from app.pipeline.parse.limits import Limits
from app.pipeline.profiles.page import read

ADDRESS = "https://www.weirworks.com/"
GRAPH = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "WebSite", "@id": f"{ADDRESS}#site", "url": ADDRESS, "publisher": {"@id": f"{ADDRESS}#org"}},
        {"@type": "WebPage", "inLanguage": "en-GB", "author": {"@type": "Person", "name": "Ann Weir"}},
        {
            "@type": ["Organization", "Brand"],
            "@id": f"{ADDRESS}#org",
            "name": "Weir Works",
            "legalName": "Weir Works Ltd",
            "url": ADDRESS,
            "description": "Pumps &amp; gates for <b>rivers</b>.",
            "logo": {"@type": "ImageObject", "url": "/logo.svg"},
            "foundingDate": "1987-04-01",
            "industry": "water management, pumps",
            "sameAs": [
                "https://www.linkedin.com/company/weir-works/about/?trk=x",
                "https://twitter.com/WeirWorks",
                "https://github.com/weirworks/gates",
                "https://www.youtube.com/@weirworks",
            ],
            "address": {
                "@type": "PostalAddress",
                "streetAddress": "1 Lock Lane",
                "postalCode": "LS1 4AP",
                "addressLocality": "Leeds",
                "addressCountry": {"@type": "Country", "name": "United Kingdom"},
            },
            "contactPoint": [{"@type": "ContactPoint", "telephone": "0113 496 0123", "email": "Hello@WeirWorks.com"}],
        },
    ],
}


def script(value: Any) -> str:
    """A block of JSON-LD; a text is taken as it is."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f'<script type="application/ld+json">{text}</script>'


def page(head: str = "", body: str = "", lang: str = "") -> str:
    """A page."""
    attribute = f" lang={lang!r}" if lang else ""
    return f"<!doctype html><html{attribute}><head><meta charset=utf-8>{head}</head><body>{body}</body></html>"


def read_page(folder: Path, text: str, address: str = ADDRESS) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """The values of each field in the order of their kinds, and the metadata of the reading."""
    path = folder / "page"
    path.write_text(text)
    return read_file(path, address)


def read_file(path: Path, address: str = ADDRESS) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """As ``read_page``, for a file."""
    metadata = dict(read(path, Limits(address=address)).metadata)
    values = dict[str, list[Any]]()
    for fact in metadata.get("facts", ()):
        values.setdefault(fact["field"], []).append(fact["value"])
    return values, metadata
