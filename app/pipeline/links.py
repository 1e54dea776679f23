"""The links of a web page, for crawls. Text does not matter here, so the page is read as a stream, without a tree."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

from app.domain.errors import InvalidUrlError, UrlNotAllowedError
from app.domain.web_url import WebUrl

MAX_LINKS = 2000
_MAX_BYTES = 8 * 1024 * 1024
_MAX_SEEN = 20_000
"""References examined at most, including repeated ones and those that are not links."""
_PIECE = 64 * 1024
_BREAKS = str.maketrans("", "", "\t\r\n")


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a page: http and https only, normalised, each once, in order, at most ``MAX_LINKS``."""

    canonical: str | None = None
    """The canonical address that the page declares."""
    urls: list[str] = field(default_factory=list)
    """Without links marked ``nofollow``; empty where the whole page is."""
    nofollow: bool = False
    noindex: bool = False
    """Whether the page asks not to be indexed."""


def find_links(page: bytes | Path, base_url: str, charset: str | None = None) -> Links:
    """Find the links in an HTML page's first 8 MB.

    Args:
        page: The page, or the path of its file.
        base_url: Its address; a ``<base>`` element is relative to it.
        charset: The encoding that the server stated. Valid UTF-8 takes precedence.

    Raises:
        InvalidUrlError, UrlNotAllowedError: for ``base_url``.
    """
    found = _read_tags(_read_bytes(page), charset)
    base = WebUrl.parse(base_url)
    base = (found.base and _join(base, found.base)) or base
    canonical = _join(base, found.canonical) if found.canonical else None
    urls: dict[str, None] = {}
    for reference in [] if found.nofollow else found.references:
        url = _join(base, reference)
        if url is not None and len(urls) < MAX_LINKS:
            urls[str(url.without_tracking())] = None
    own = str(canonical.without_tracking()) if canonical else None
    return Links(own, list(urls), found.nofollow, found.noindex)


class _Tags:
    """A target for ``lxml``'s parser that collects the elements that matter for links."""

    def __init__(self) -> None:
        self.base: str | None = None
        self.canonical: str | None = None
        self.references: list[str] = []
        self.nofollow = self.noindex = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Handle the start of an element."""
        href = attributes.get("href", "")
        if tag == "meta" and attributes.get("name", "").strip().lower() == "robots":
            self._read_robots(attributes.get("content", ""))
        elif not href:
            return
        elif tag in {"a", "area"} and len(self.references) < _MAX_SEEN:
            if "nofollow" not in _words(attributes.get("rel", "")):
                self.references.append(href)
        elif tag == "base":
            self.base = self.base or href
        elif tag == "link" and "canonical" in _words(attributes.get("rel", "")):
            self.canonical = self.canonical or href

    def close(self) -> None:
        """Handle the end of the page."""

    def _read_robots(self, content: str) -> None:
        asked = _words(content.replace(",", " "))
        self.nofollow |= not asked.isdisjoint({"nofollow", "none"})
        self.noindex |= not asked.isdisjoint({"noindex", "none"})


def _words(text: str) -> set[str]:
    return set(text.lower().split())


def _read_bytes(page: bytes | Path) -> bytes:
    if isinstance(page, bytes):
        return page[:_MAX_BYTES]
    with page.open("rb") as file:
        return file.read(_MAX_BYTES)


def _read_tags(data: bytes, charset: str | None) -> _Tags:
    tags = _Tags()
    parser = _make_parser(tags, _choose_encoding(data, charset))
    try:
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])
        parser.close()
    except etree.LxmlError:
        pass  # the elements before the error count
    return tags


def _make_parser(tags: _Tags, encoding: str | None) -> etree.HTMLParser:
    target: Any = tags  # the stubs require methods that lxml does not
    try:
        return etree.HTMLParser(target=target, encoding=encoding, huge_tree=True, no_network=True)
    except LookupError:  # libxml2 supports fewer encodings than Python
        return etree.HTMLParser(target=target, huge_tree=True, no_network=True)


def _choose_encoding(data: bytes, charset: str | None) -> str | None:
    """UTF-8 where the data is valid, except for a character cut at its end; None lets libxml2 detect the encoding."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return charset
    return "utf-8"


def _join(base: WebUrl, reference: str) -> WebUrl | None:
    """The address of a reference, read as browsers do: line breaks within it do not count. None for an invalid one."""
    try:
        return base.join(reference.strip().translate(_BREAKS))
    except (InvalidUrlError, UrlNotAllowedError):
        return None
