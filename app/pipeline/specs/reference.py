"""The sections of "API reference": the public definitions of each file."""

from collections.abc import Iterator

from app.pipeline.specs.facts import FileFacts, Repository, Symbol
from app.pipeline.specs.markdown import cite, code, plain, section
from app.pipeline.specs.overview import write_entries, write_skipped

_NONE = "No public definitions were found in the languages whose grammars are known."


def write_reference(repository: Repository, *, members: bool = True) -> list[str]:
    """The lines of the document, without its title. Tests are left out.

    Args:
        repository: The facts.
        members: Whether definitions within others are listed, such as methods.
    """
    files = [file for file in repository.files if file.symbols and not file.is_test]
    files.sort(key=lambda file: (file.folder, file.path))
    lines, folder = list[str](), None
    for file in files:
        if file.folder != folder:
            folder = file.folder
            lines += [f"## {code(folder)}", ""]
        lines += _write_file(file, members=members)
    return [
        *section("Entry points", write_entries(repository)),
        *(lines or [_NONE, ""]),
        *section("Files that were not analysed", write_skipped(repository)),
    ]


def _write_file(file: FileFacts, *, members: bool) -> Iterator[str]:
    yield f"### {code(file.path)}"
    yield ""
    if file.doc:
        yield f"{plain(file.doc)} {cite(file.path, file.doc_line)}"
        yield ""
    names = {symbol.name for symbol in file.symbols}
    for symbol in file.symbols:
        # A member belongs to another definition that is listed for the file.
        is_member = symbol.name.rpartition(".")[0] in names
        if members or not is_member:
            yield _write_symbol(file, symbol, is_member=is_member)
    yield ""


def _write_symbol(file: FileFacts, symbol: Symbol, *, is_member: bool) -> str:
    doc = f" - {plain(symbol.doc)}" if symbol.doc else ""
    indent = "  " * min(3, symbol.name.count(".")) if is_member else ""
    name = "" if symbol.name.rpartition(".")[2] in symbol.signature else f"{code(symbol.name)} "
    return f"{indent}- {symbol.kind} {name}{code(symbol.signature)}{doc} {cite(file.path, symbol.line, symbol.end)}"
