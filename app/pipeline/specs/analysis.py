"""Analyses the files of a bundle. Runs in a child of the sandbox: sources may be hostile to the parsers."""

import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tree_sitter import Node, Parser

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError
from app.pipeline.specs.facts import FileFacts, Import, Note, Symbol
from app.pipeline.specs.grammars import find_grammar, load_language
from app.pipeline.specs.imports import list_imports, read_namespace
from app.pipeline.specs.languages import find_language
from app.pipeline.specs.manifests import list_manifest_notes
from app.pipeline.specs.notes import is_test, list_notes
from app.pipeline.specs.selection import MAX_FILE_BYTES
from app.pipeline.specs.symbols import list_symbols, read_file_doc

_SECONDS = 2.0
"""The time for the tree of one file."""
_PROBLEM = f"its syntax takes longer than {_SECONDS:g} seconds to read"
_PIECE = 64 * 1024
_MAIN = {"Go": "main", "Rust": "main", "C": "main", "C++": "main", "Java": "main", "Kotlin": "main", "C#": "Main"}


class _TooSlowError(Exception):
    """The tree of a file takes too long."""


def analyse_bundle(path: Path, report: Callable[[int, int], None]) -> Parsed:
    """The facts of each file of a bundle, as ``files`` in the metadata of a document without pages.

    Args:
        path: A ZIP archive that ``app.pipeline.specs.bundle`` wrote.
        report: Called as ``(files done, files in all)``.

    Raises:
        DocumentDamagedError: when it is not a bundle.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.namelist()
            files = []
            for number, name in enumerate(names, 1):
                files.append(analyse_file(name, bundle.read(name)[:MAX_FILE_BYTES]).as_json())
                report(number, len(names))
    except (zipfile.BadZipFile, OSError) as error:
        raise DocumentDamagedError(str(error)) from error
    return Parsed([], {"files": files})


def analyse_file(path: str, data: bytes) -> FileFacts:
    """The facts of one file. Definitions and imports are read where its language has a grammar."""
    text = data.decode("utf-8", "replace")
    language = find_language(path)
    facts = FileFacts(
        path=path,
        language=language,
        lines=text.count("\n") + (1 if text and not text.endswith("\n") else 0),
        size=len(data),
        is_test=is_test(path),
        notes=[*list_manifest_notes(path, text), *list_notes(path, text, language)],
    )
    return _add_definitions(facts, data) if find_grammar(language) else facts


def _add_definitions(facts: FileFacts, data: bytes) -> FileFacts:
    grammar = find_grammar(facts.language)
    if grammar is None:
        return facts
    compiled = load_language(facts.language)
    until = time.thread_time() + _SECONDS

    def is_over() -> bool:
        return time.thread_time() > until

    try:
        root = _parse(Parser(compiled), data, is_over)
    except _TooSlowError:
        return _extend(facts, problem=_PROBLEM)
    imports = list_imports(root, facts.language, grammar.imports, is_over)
    if is_over():
        return _extend(facts, problem=_PROBLEM)
    doc, doc_line = read_file_doc(root, facts.language, grammar)
    return _extend(
        facts,
        namespace=read_namespace(root, facts.language),
        doc=doc,
        doc_line=doc_line,
        symbols=list_symbols(root, facts.language, grammar),
        imports=imports,
        entries=[*_find_main(root, facts)],
    )


def _extend(
    facts: FileFacts,
    *,
    namespace: str = "",
    doc: str = "",
    doc_line: int = 1,
    symbols: Sequence[Symbol] = (),
    imports: Sequence[Import] = (),
    entries: Sequence[Note] = (),
    problem: str = "",
) -> FileFacts:
    return FileFacts(
        facts.path, facts.language, facts.lines, facts.size, facts.is_test, namespace, doc, doc_line, symbols, imports,
        [*facts.notes, *entries], problem,
    )  # fmt: skip


def _parse(parser: Parser, data: bytes, is_over: Callable[[], bool]) -> Node:
    """The syntax tree of a file; wrong syntax gives a tree with errors in it.

    Raises:
        _TooSlowError: when it takes too long.
    """

    def stop(_offset: int, _has_error: bool) -> bool:
        return is_over()

    try:
        return parser.parse(lambda offset, _point: data[offset : offset + _PIECE], progress_callback=stop).root_node
    except ValueError as error:  # the library's only sign that it was stopped
        raise _TooSlowError from error


def _find_main(root: Node, facts: FileFacts) -> Iterator[Note]:
    """Where a program begins: the ``main`` function of the language, or Python's test of ``__name__``."""
    if facts.language == "Python":
        if facts.path.endswith("__main__.py"):
            yield Note("entry", facts.path, "module that `python -m` runs", 1)
        for node in root.named_children:
            condition = node.child_by_field_name("condition") if node.type == "if_statement" else None
            text = (condition.text or b"") if condition is not None else b""
            if b"__name__" in text and b"__main__" in text:
                yield Note("entry", facts.path, "runs as a program", node.start_point.row + 1)
        return
    name = _MAIN.get(facts.language)
    if name is None or (facts.language == "Go" and read_namespace(root, "Go") != "main"):
        return
    if facts.language == "Rust" and not facts.path.endswith(("main.rs", "build.rs")) and "/bin/" not in facts.path:
        return
    for function in _list_functions(root):
        if _name_function(function) == name and _is_static(function, facts.language):
            yield Note("entry", facts.path, f"function `{name}`", function.start_point.row + 1)
            return


def _list_functions(root: Node) -> Iterator[Node]:
    """The functions at the top of a file, and the methods of the classes there, also within namespaces."""
    level = list(root.named_children)
    for _ in range(5):
        inner: list[Node] = []
        for node in level:
            if "function" in node.type or node.type == "method_declaration":
                yield node
            elif any(part in node.type for part in ("class", "namespace", "declaration_list", "object", "preproc_if")):
                inner += node.named_children
        level = inner


def _name_function(node: Node) -> str:
    name = node.child_by_field_name("name")
    declarator = node.child_by_field_name("declarator")
    while name is None and declarator is not None:
        name, declarator = declarator, declarator.child_by_field_name("declarator")
        name = None if declarator is not None else name
    return (name.text or b"").decode("utf-8", "replace") if name is not None else ""


def _is_static(node: Node, language: str) -> bool:
    return language not in {"Java", "C#"} or b"static" in (node.text or b"")[:200]
