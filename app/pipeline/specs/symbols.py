"""The public definitions of a source file, with their signatures and the first sentence of what is said about them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from app.pipeline.specs.comments import describe, first_sentence
from app.pipeline.specs.facts import Symbol
from app.pipeline.specs.grammars import Grammar
from app.pipeline.specs.visibility import Visibility, find_access

_MOST = 400
_DEPTH = 12
"""The largest number of definitions of one file, and how many definitions and wrappers may be around one."""
_SIGNATURE = 240
_BODIES = ("class_body", "enum_class_body", "function_body", "field_declaration_list", "accessor_list", "block")
_TYPES = {"struct_type": "struct", "interface_type": "interface"}
_FUNCTIONS = {"arrow_function", "function_expression", "generator_function"}
_CLASSES = {"class", "struct", "interface", "trait", "object", "record", "enum"}
_BETWEEN = {"attribute_item", "attribute_list", "decorator"}
"""Nodes that may stand between a comment and the definition that it describes."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where definitions are: the names around them, the kind of the innermost one, and whether it makes them public."""

    names: tuple[str, ...] = ()
    kind: str = ""
    is_public: bool = True
    depth: int = 0
    is_exported: bool = False


def list_symbols(root: Node, language: str, grammar: Grammar) -> list[Symbol]:
    """The public definitions of a file in their order, 400 at most.

    Args:
        root: The tree of the file.
        language: Its language.
        grammar: The grammar of that language.
    """
    reader = _Reader(language, grammar, Visibility.of_file(root, language))
    symbols = []
    for symbol in reader.read(root, _Place()):
        symbols.append(symbol)
        if len(symbols) == _MOST:
            break
    return symbols


class _Reader:
    def __init__(self, language: str, grammar: Grammar, visibility: Visibility) -> None:
        self._language = language
        self._grammar = grammar
        self._visibility = visibility

    def read(self, parent: Node, place: _Place, before: Sequence[Node] = ()) -> Iterator[Symbol]:
        """The definitions below ``parent``. ``before`` are the comments above it, if it is only a wrapper."""
        comments, access = list(before), find_access(parent, self._language)
        for node in parent.named_children:
            if node.type in self._grammar.comment:
                comments.append(node)
                continue
            access = find_access(node, self._language, access)
            if node.type in self._grammar.kinds:
                yield from self._define(node, place, comments, access)
            elif node.type in self._grammar.scopes:
                yield from self._enter(node, place, place.kind)
            elif node.type in self._grammar.wrappers and place.depth < _DEPTH:
                exported = place.is_exported or node.type == "export_statement"
                inner = _Place(place.names, place.kind, place.is_public, place.depth + 1, exported)
                yield from self.read(node, inner, comments)
            if node.type not in _BETWEEN:
                comments = []

    def _define(self, node: Node, place: _Place, comments: Sequence[Node], access: str) -> Iterator[Symbol]:
        name, kind = _read_name(node), self._name_kind(node, place)
        if not name or not kind or "::" in name:  # in C++, the definition of what a class declares
            return
        is_public = place.is_public and self._visibility.shows(
            node, name, place.kind, access, exported=place.is_exported
        )
        if is_public:
            receiver = _read_receiver(node)
            yield Symbol(
                kind,
                ".".join([*place.names, *([receiver] if receiver else []), name]),
                _read_signature(node),
                describe(node, comments, self._language),
                node.start_point.row + 1,
                node.end_point.row + 1,
            )
        if node.type in self._grammar.scopes:
            inner = _Place(place.names, place.kind, is_public, place.depth, is_exported=False)
            yield from self._enter(node, inner, kind, name)

    def _enter(self, node: Node, place: _Place, kind: str, name: str = "") -> Iterator[Symbol]:
        """The definitions within a definition, or within an ``impl`` block or a namespace."""
        if place.depth >= _DEPTH:
            return
        names = place.names
        if node.type == "impl_item":
            owner = node.child_by_field_name("type")
            if node.child_by_field_name("trait") or owner is None:
                return  # the trait describes them
            name, kind = _text(owner).partition("<")[0], "impl"
        elif node.type == "namespace_definition" and (given := node.child_by_field_name("name")):
            name = _text(given)
        body = node.child_by_field_name("body") or _find(node, _BODIES)
        if body is not None:
            inner = _Place((*names, name) if name else names, kind, place.is_public, place.depth + 1)
            yield from self.read(body, inner)

    def _name_kind(self, node: Node, place: _Place) -> str:
        """The kind of a definition; empty for a declaration that is none, such as that of a variable."""
        kind = self._grammar.kinds[node.type]
        if node.type in {"declaration", "field_declaration"} and _find_deep(node, "function_declarator") is None:
            return ""
        if node.type in {"struct_specifier", "enum_specifier", "union_specifier", "class_specifier", "mod_item"}:
            return kind if node.child_by_field_name("body") else ""
        if node.type == "assignment_expression":  # how CommonJS modules define what they export
            value, left = node.child_by_field_name("right"), node.child_by_field_name("left")
            is_function = value is not None and value.type in _FUNCTIONS
            return kind if is_function and left is not None and left.type == "member_expression" else ""
        if node.type == "variable_declarator":
            value = node.child_by_field_name("value")
            is_function = value is not None and value.type in _FUNCTIONS
            return "function" if is_function else kind if place.is_exported else ""
        if node.type == "type_spec" and (given := node.child_by_field_name("type")):
            return _TYPES.get(given.type, kind)
        if self._language == "Kotlin" and kind == "class":
            kind = next((child.type for child in node.children if child.type in {"interface", "enum"}), kind)
        return "method" if kind == "function" and place.kind in {*_CLASSES, "impl"} else kind


def _read_name(node: Node) -> str:
    if name := node.child_by_field_name("name"):
        return _text(name)
    if node.type == "assignment_expression" and (left := node.child_by_field_name("left")):
        return _text(left)
    declarator = node.child_by_field_name("declarator")
    for _ in range(_DEPTH):  # a pointer to a function returning … has one inside the other
        if declarator is None:
            return ""
        inner = declarator.child_by_field_name("declarator")
        if inner is None:
            return _text(declarator) if not declarator.named_children or "qualified" in declarator.type else ""
        declarator = inner
    return ""


def _read_receiver(node: Node) -> str:
    """The type of a method in Go, without pointers and type parameters."""
    receiver = node.child_by_field_name("receiver")
    found = re.search(r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\s*\)$", _text(receiver)) if receiver else None
    return found[1] if found else ""


def _read_signature(node: Node) -> str:
    """The text of a definition up to its body, on one line."""
    field = {"variable_declarator": "value", "assignment_expression": "right"}.get(node.type)
    value = node.child_by_field_name(field) if field else node
    body = (value or node).child_by_field_name("body") or _find(node, _BODIES)
    text = node.text or b""
    if body is not None:
        text = text[: body.start_byte - node.start_byte]
    elif node.type == "type_spec" and (given := node.child_by_field_name("type")) and given.type in _TYPES:
        text = text[: given.start_byte - node.start_byte] + _TYPES[given.type].encode()
    line = " ".join(text.decode("utf-8", "replace").split()).rstrip(" :{=;")
    return line if len(line) <= _SIGNATURE else f"{line[: _SIGNATURE - 1]}…"


def _find(node: Node, types: Sequence[str]) -> Node | None:
    return next((child for child in node.named_children if child.type in types), None)


def _find_deep(node: Node, wanted: str) -> Node | None:
    """The declarator of this type, through pointers and references."""
    found = node.child_by_field_name("declarator")
    for _ in range(_DEPTH):
        if found is None or found.type == wanted:
            return found
        found = found.child_by_field_name("declarator") or next(
            (child for child in found.named_children if "declarator" in child.type), None
        )
    return None


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def read_file_doc(root: Node, language: str, grammar: Grammar) -> tuple[str, int]:
    """The first sentence that describes a file as a whole, and its line: a docstring or the comment at its start."""
    if language == "Python":
        first = next(iter(root.named_children), None)
        while first is not None and first.type == "comment":
            first = first.next_named_sibling
        if first is not None and first.type == "expression_statement" and first.named_children[0].type == "string":
            return first_sentence(_text(first)), first.start_point.row + 1
        return "", 1
    for block in _list_blocks(root, grammar):
        if sentence := first_sentence("\n".join(_text(node).rstrip("\n") for node in block)):
            return sentence, block[0].start_point.row + 1
    return "", 1


def _list_blocks(root: Node, grammar: Grammar) -> Iterator[list[Node]]:
    """The comments at the start of a file; those on lines that follow each other belong together."""
    block: list[Node] = []
    for node in root.named_children:
        if node.type not in {*grammar.comment, "php_tag"}:
            break
        if block and node.start_point.row > block[-1].end_point.row + (0 if _text(block[-1]).endswith("\n") else 1):
            yield block
            block = []
        block += [node] if node.type in grammar.comment else []
    if block:
        yield block
