"""What comments and docstrings say about a definition: their first sentence."""

import re
from collections.abc import Sequence

from tree_sitter import Node

_LONGEST = 240
_READ = 4000
"""The characters of a comment that are read: the patterns below take long on hostile ones."""
_STRING = re.compile(r"^[rRuUbBfF]*(\"\"\"|'''|\"|')(.*?)(?:\1)?$", re.DOTALL)
_SIGNS = re.compile(r"^[ \t]*(?:///?!?|//!|\*+/?|/\*+!?|#+!?|--)[ \t]?|\*+/[ \t]*$", re.MULTILINE)
_TAGS = re.compile(r"</?(?:summary|remarks|para|p|see\b[^>]*|c|code)/?>|\{@\w+ ([^}]*)\}")
_SENTENCE = re.compile(r"(?<![A-Z]\.)(?<!e\.g\.)(?<!i\.e\.)(?<=[.!?。])\s")
_NO_DESCRIPTION = re.compile(
    r"copyright|licen[sc]ed? |spdx-|all rights reserved|governed by|^-\*-|^!/|eslint|noqa|pylint|pragma|<reference"
    r"|type: ignore|^(?:todo|fixme|xxx)\b|^@|^\W*$|^region\b|shellcheck|frozen_string_literal|clang-format|^coding[:=]",
    re.IGNORECASE,
)


def describe(node: Node, comments: Sequence[Node], language: str) -> str:
    """The first sentence about a definition; empty if there is none.

    Args:
        node: The definition.
        comments: The comments before it, in order.
        language: In Python, the docstring describes it, elsewhere the comments that end on the line above it.
    """
    if language == "Python":
        return _read_docstring(node)
    lines: list[str] = []
    below = node.start_point.row
    if node.parent is not None and node.parent.start_point.row < below and node.parent.child_count:
        first = node.parent.named_children[:1]
        below = node.parent.start_point.row if first and first[0] == node else below
    for comment in reversed(comments):
        text = (comment.text or b"").decode("utf-8", "replace")
        last = comment.end_point.row - (1 if text.endswith("\n") else 0)
        if last < below - _count_attributes(comment, node) - 1:
            break
        lines.insert(0, text.rstrip("\n"))
        below = comment.start_point.row
    return first_sentence("\n".join(lines))


def first_sentence(text: str) -> str:
    """The first sentence of a comment or docstring as one line, without its signs.

    Empty for comments that describe nothing: licences, instructions to tools, rulers.
    """
    text = text[:_READ].strip()
    if string := _STRING.match(text):
        text = string[2]
    text = _TAGS.sub(lambda found: found[1] or "", _SIGNS.sub("", text)).strip()
    paragraph = " ".join(re.split(r"\n\s*\n|\n\s*[@:]\w+", text, maxsplit=1)[0].split())
    if _NO_DESCRIPTION.search(paragraph):
        return ""
    sentence = _SENTENCE.split(paragraph, maxsplit=1)[0]
    return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 1]}…"


def _read_docstring(node: Node) -> str:
    body = node.child_by_field_name("body")
    first = body.named_children[0] if body is not None and body.named_children else None
    if first is None or first.type != "expression_statement" or not first.named_children:
        return ""
    string = first.named_children[0]
    return first_sentence((string.text or b"").decode("utf-8", "replace")) if string.type == "string" else ""


def _count_attributes(comment: Node, node: Node) -> int:
    """The lines of attributes between a comment and the definition."""
    between, count = comment.next_named_sibling, 0
    while between is not None and between != node and between.start_point.row < node.start_point.row:
        if between.type in {"attribute_item", "attribute_list", "decorator"}:
            count += between.end_point.row - between.start_point.row + 1
        between = between.next_named_sibling
    return count
