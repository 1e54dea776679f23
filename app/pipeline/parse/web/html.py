"""HTML: the article of a page with navigation, else all visible text of the body."""

from collections.abc import Callable
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.rendering.marks import take_marks
from app.pipeline.parse.text.embedded_data import drop_embedded_data
from app.pipeline.parse.web.article import choose_article, has_navigation
from app.pipeline.parse.web.body import Reading, write_lines
from app.pipeline.parse.web.flow import join_lines
from app.pipeline.parse.web.markup import decode_markup, make_budget
from app.pipeline.parse.web.scripts import check_scripts
from app.pipeline.parse.web.tree import read_tree

_METADATA = {
    "title": ("og:title", "twitter:title", "dc.title", "citation_title"),
    "author": ("author", "article:author", "dc.creator", "citation_author"),
    "date": ("article:published_time", "date", "dc.date", "citation_publication_date", "datepublished"),
    "language": ("og:locale", "dc.language", "content-language"),
    "description": ("description", "og:description"),
}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of a web page as one page, with title, author, date, language and description.

    Raises:
        DocumentDamagedError: when it is not text.
        NoExtractableTextError: when only a browser that runs its scripts shows its text.
        ParseLimitExceededError: when it is larger, or one element has more attributes, than allowed.
    """
    if path.stat().st_size > limits.markup_bytes:
        raise ParseLimitExceededError("The HTML file is larger than is allowed.")
    report(1, 1)
    return read_page(path.read_bytes(), limits, address=limits.address)


def read_page(data: bytes, limits: Limits, charset: str | None = None, address: str | None = None) -> Parsed:
    """A web page that is given by its bytes, and, where they are known, its encoding and its address.

    Raises:
        DocumentDamagedError, NoExtractableTextError, ParseLimitExceededError: as ``read``.
    """
    tree = read_tree(decode_markup(data, limits, charset), limits)
    if tree is None:
        return Parsed([])
    metadata = _read_metadata(tree)
    return Parsed([Page(None, _choose_text(tree, limits, address))], metadata)


def _choose_text(tree: etree._Element, limits: Limits, address: str | None) -> str:
    """The first of these that has text: what all readers see; with requests for consent; with what replaces scripts."""
    lines = write_lines(tree, make_budget(limits), Reading(address))
    if not lines:
        lines = write_lines(tree, make_budget(limits), Reading(address, noscript=True, consent=True))
    text = join_lines(lines)
    check_scripts(tree, take_marks(text)[0])
    return drop_embedded_data(join_lines(choose_article(tree, lines)) if has_navigation(tree, lines) else text)


def _read_metadata(tree: etree._Element) -> dict[str, str]:
    given: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or meta.get("http-equiv") or ""
        given.setdefault(name.lower(), meta.get("content") or "")
    metadata = {
        name: value
        for name, keys in _METADATA.items()
        if (value := next((given[key] for key in keys if given.get(key)), ""))
    }
    title = tree.find(".//title")
    if title is not None and (text := "".join(map(str, title.itertext())).strip()):
        metadata["title"] = text
    if language := tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang"):
        metadata["language"] = language
    return metadata
