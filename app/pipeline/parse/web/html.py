"""HTML: the article of a page with navigation, else all visible text of the body."""

import re
from collections.abc import Callable
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

from app.domain.documents import Page, Parsed
from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.article import choose_article
from app.pipeline.parse.web.body import has_navigation, write_body
from app.pipeline.parse.web.markup import check_attributes

_DECLARED = re.compile(
    rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,200}?encoding=["']([\w.-]{1,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096

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
        ParseLimitExceededError: when it is larger, or one element has more attributes, than allowed.
    """
    if path.stat().st_size > limits.markup_bytes:
        raise ParseLimitExceededError("The HTML file is larger than is allowed.")
    data = path.read_bytes()
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, (declared[1] or declared[2]).decode("ascii") if declared else None)
    check_attributes(text, limits.attributes)
    tree = _parse(text)
    report(1, 1)
    if tree is None:
        return Parsed([])
    metadata = _read_metadata(tree)
    return Parsed([Page(None, _choose_text(tree))], metadata)


def _parse(text: str) -> etree._Element | None:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    data = text.encode("utf-8", "ignore")
    return lxml_html.document_fromstring(data, parser=parser, ensure_head_body=True) if data.strip() else None


def _choose_text(tree: etree._Element) -> str:
    body = write_body(tree)
    return choose_article(tree, body) if has_navigation(tree, len(body)) else body


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
