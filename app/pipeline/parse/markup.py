"""HTML that is part of another document: a chapter of a book, the body of a mail."""

import re

from lxml import etree
from lxml import html as lxml_html

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.html_body import write_body
from app.pipeline.parse.limits import Limits

_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_DECLARED_WITHIN = 1024


def write_markup(data: bytes, limits: Limits, charset: str | None = None) -> str:
    """The text of a page in HTML or XHTML; entities of its own making are not expanded.

    Args:
        data: The page.
        limits: What is read at most.
        charset: The encoding it is said to be in; None: as it says itself.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError: when it is larger, or one element has more attributes, than allowed.
    """
    if len(data) > limits.markup_bytes:
        raise ParseLimitExceededError("It holds a larger page than is allowed.")
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, charset or (declared[1].decode("ascii") if declared else None))
    _check_attributes(text, limits.attributes)
    encoded = text.encode("utf-8", "ignore")
    if not encoded.strip():
        return ""
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return write_body(lxml_html.document_fromstring(encoded, parser=parser, ensure_head_body=True))
    except etree.ParserError:  # nothing but comments
        return ""


def _check_attributes(text: str, allowed: int) -> None:
    """libxml2 compares each attribute of an element with all before it: a million would take hours."""
    for piece in text.split("<"):
        tag = piece.partition(">")[0]
        if len(tag) > allowed and len(tag.split(None, allowed)) > allowed:
            raise ParseLimitExceededError("An element has more attributes than are allowed.")
