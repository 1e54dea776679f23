"""The element tree of an HTML page, for pages of any nesting."""

from lxml import etree
from lxml import html as lxml_html

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.nesting import flatten_nesting
from app.pipeline.parse.web.roles import apply_roles

_TOO_DEEP = "Excessive depth"


def read_tree(text: str, limits: Limits) -> etree._Element | None:
    """The tree of a page, which always has a body; None for a page of comments or white space only.

    Raises:
        ParseLimitExceededError: when an element has more attributes than are allowed.
    """
    _check_attributes(text, limits.attributes)
    tree, is_whole = _parse(text)
    if not is_whole:
        tree, _ = _parse(flatten_nesting(text))
    if tree is not None:
        apply_roles(tree)
    return tree


def _parse(text: str) -> tuple[etree._Element | None, bool]:
    """The tree, and whether it is whole: libxml2 stops at 2,048 levels."""
    data = text.encode("utf-8", "ignore")
    if not data.strip():
        return None, True
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        tree = lxml_html.document_fromstring(data, parser=parser, ensure_head_body=True)
    except etree.ParserError:  # only comments, or nested too deep from the start
        tree = None
    return tree, not any(_TOO_DEEP in error.message for error in parser.error_log)


def _check_attributes(text: str, allowed: int) -> None:
    """Check the number of attributes of each element: libxml2 compares each with all before it.

    Raises:
        ParseLimitExceededError: when an element has more than ``allowed``.
    """
    for piece in text.split("<"):
        tag = piece.partition(">")[0]
        if len(tag) > allowed and len(tag.split(None, allowed)) > allowed:
            raise ParseLimitExceededError("An element has more attributes than are allowed.")
