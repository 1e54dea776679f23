"""What a source file imports, and the namespace that it declares."""

import re
from collections.abc import Callable, Collection, Iterator

from tree_sitter import Node

from app.pipeline.specs.facts import Import

_MOST = 300
_CHECKED = 1000
"""The number of nodes after which the time is checked."""
_NAMESPACES = {
    "package_clause",
    "package_declaration",
    "package_header",
    "namespace_definition",
    "namespace_declaration",
    "file_scoped_namespace_declaration",
}
_NAMESPACED = {"Go", "Java", "Kotlin", "PHP", "C#"}
_FIELDS = {
    **dict.fromkeys(("JavaScript", "TypeScript", "TSX"), "source"),
    **dict.fromkeys(("Go", "C", "C++"), "path"),
}
"""The field of an import that names what is imported, where it is a literal."""
_LITERALS = {"string", "string_literal", "system_lib_string", "interpreted_string_literal", "raw_string_literal"}
_KEYWORD = re.compile(r"\b(import|using|static|global|use|function|const)\b")
_WORD = re.compile(r"[\w.\\]+")


def list_imports(root: Node, language: str, types: Collection[str], is_over: Callable[[], bool]) -> list[Import]:
    """What a file imports, in the order of lines, 300 at most, each once.

    Args:
        root: The tree of the file.
        language: Its language.
        types: The types of the nodes that import.
        is_over: Whether the time for the file is over; what was found until then counts.
    """
    found: dict[str, int] = {}
    for node in _walk(root, types, is_over):
        for module in _read_modules(node, language):
            found.setdefault(module, node.start_point.row + 1)
        if len(found) >= _MOST:
            break
    return [Import(module, line) for module, line in list(found.items())[:_MOST]]


def _walk(root: Node, types: Collection[str], is_over: Callable[[], bool]) -> Iterator[Node]:
    """The nodes of these types in their order. A query of tree-sitter takes quadratic time on some broken sources."""
    cursor, count = root.walk(), 0
    while True:
        node = cursor.node
        count += 1
        if count % _CHECKED == 0 and is_over():
            return
        if node is not None and node.type in types:
            yield node
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def read_namespace(root: Node, language: str) -> str:
    """The package or namespace that a file declares; empty without one."""
    if language not in _NAMESPACED:
        return ""
    node = next((child for child in root.named_children if child.type in _NAMESPACES), None)
    if node is None:
        return ""
    name = node.child_by_field_name("name") or (node.named_children[0] if node.named_children else None)
    return _text(name) if name is not None else ""


def _read_modules(node: Node, language: str) -> Iterator[str]:
    if language == "Python":
        yield from _read_python(node)
    elif node.type in {"call_expression", "call"}:
        yield from _read_call(node)
    elif field := _FIELDS.get(language):
        source = node.child_by_field_name(field)
        if source is not None and source.type in _LITERALS:
            text = _text(source)
            yield text if language in {"C", "C++"} else text.strip("\"'`")
    elif language == "Rust":
        argument = node.child_by_field_name("argument")
        if argument is not None:
            yield _text(argument).partition("{")[0].partition(" as ")[0].strip().rstrip(":").rstrip("*").rstrip(":")
    else:
        text = _text(node)
        words = _WORD.findall(_KEYWORD.sub(" ", text))
        yield from (words[-1:] if "=" in text else words[:1])


def _read_python(node: Node) -> Iterator[str]:
    """Each imported module, and each name as if it were one, since it may be."""
    if node.type == "future_import_statement":
        yield "__future__"
        return
    module = node.child_by_field_name("module_name")
    names = [_text(name.child_by_field_name("name") or name) for name in node.children_by_field_name("name")]
    if module is None:
        yield from names
        return
    base = _text(module)
    yield from (f"{base}{name}" if base.endswith(".") else f"{base}.{name}" for name in names)
    if not names:
        yield base


def _read_call(node: Node) -> Iterator[str]:
    """The argument of ``require``, ``import()`` or ``require_relative``."""
    function = node.child_by_field_name("function") or node.child_by_field_name("method")
    arguments = node.child_by_field_name("arguments")
    name = _text(function) if function is not None else ""
    if name in {"require", "import", "require_relative"} and arguments is not None and arguments.named_children:
        first = arguments.named_children[0]
        if first.type == "string":
            path = _text(first).strip("\"'`")
            yield f"./{path}" if name == "require_relative" and not path.startswith(".") else path


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
