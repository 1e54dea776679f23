"""HTML within another document: a chapter of a book, the body of a mail, the page of a web archive."""

import re
from html import escape

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.text.embedded_data import drop_embedded_data
from app.pipeline.parse.web.body import Reading, write_lines
from app.pipeline.parse.web.flow import join_lines
from app.pipeline.parse.web.tree import read_tree

_DECLARED = re.compile(
    rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})|<\?xml[^>]{0,200}?encoding=["']([\w.-]{1,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
_XML = re.compile(r"\s*<(?:\?xml\b|!DOCTYPE\b|[\w:]{1,50}html\b|html\b[^>]{0,500}\bxmlns)", re.IGNORECASE)
_PREFIXED = re.compile(r"<([A-Za-z]\w{0,20}):html\b")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_EXCESS = "The spans of its tables repeat more text than is allowed."


def decode_markup(data: bytes, limits: Limits, charset: str | None = None) -> str:
    """The source of a page in HTML or XHTML.

    Args:
        data: The page.
        limits: The limits of what is read.
        charset: The stated encoding; None uses the one that the page declares.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError: when it is larger than allowed.
    """
    if len(data) > limits.markup_bytes:
        raise ParseLimitExceededError("The HTML is larger than is allowed.")
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, charset or ((declared[1] or declared[2]).decode("ascii") if declared else None))
    return _write_as_html(text) if _XML.match(text) else text


def write_markup(data: bytes, limits: Limits, charset: str | None = None, address: str | None = None) -> str:
    """The text of a whole page, without choosing an article.

    Args:
        data: The page.
        limits: The limits of what is read.
        charset: The stated encoding; None uses the one that the page declares.
        address: The address that its references are relative to.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError: when the page is larger than allowed, or an element has more attributes.
    """
    tree = read_tree(decode_markup(data, limits, charset), limits)
    if tree is None:
        return ""
    return drop_embedded_data(
        join_lines(write_lines(tree, make_budget(limits), Reading(address, noscript=True, consent=True)))
    )


def _write_as_html(text: str) -> str:
    """XHTML in the notation that HTML has: no prefixes of names, and no CDATA, which an HTML parser would drop."""
    if prefix := _PREFIXED.search(text[:_DECLARED_WITHIN]):
        text = re.sub(rf"(</?){prefix[1]}:", r"\1", text)
    last = text.rfind("]]>") + len("]]>")
    return _CDATA.sub(lambda match: escape(match[1]), text[:last]) + text[last:] if "<![CDATA[" in text else text


def make_budget(limits: Limits) -> Budget:
    """The budget of the tables of one page."""
    return Budget(limits.characters, _EXCESS)
