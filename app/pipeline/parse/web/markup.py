"""HTML within another document: a chapter of a book, the body of a mail."""

import re

from lxml import etree
from lxml import html as lxml_html

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.body import write_body

_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_DECLARED_WITHIN = 1024


def write_markup(data: bytes, limits: Limits, charset: str | None = None) -> str:
    """The text of a page in HTML or XHTML, without expanding the entities that it defines.

    Args:
        data: The page.
        limits: The limits of what is read.
        charset: The stated encoding; None uses the one that the page declares.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError: when the page is larger than allowed, or an element has more attributes.
    """
    if len(data) > limits.markup_bytes:
        raise ParseLimitExceededError("An HTML part of it is larger than is allowed.")
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, charset or (declared[1].decode("ascii") if declared else None))
    check_attributes(text, limits.attributes)
    encoded = text.encode("utf-8", "ignore")
    if not encoded.strip():
        return ""
    parser = lxml_html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return write_body(lxml_html.document_fromstring(encoded, parser=parser, ensure_head_body=True))
    except etree.ParserError:  # only comments
        return ""


def check_attributes(text: str, allowed: int) -> None:
    """Check the number of attributes of each element: libxml2 compares each with all before it.

    Raises:
        ParseLimitExceededError: when an element has more than ``allowed``.
    """
    for piece in text.split("<"):
        tag = piece.partition(">")[0]
        if len(tag) > allowed and len(tag.split(None, allowed)) > allowed:
            raise ParseLimitExceededError("An element has more attributes than are allowed.")
