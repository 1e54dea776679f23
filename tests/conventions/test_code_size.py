"""Functions have at most 40 lines and files at most 300."""

import ast
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_FOLDERS = ("app", "tests", "benchmarks", "migrations/env.py", "main.py")
_FUNCTION_LINES = 40
_FILE_LINES = 300


def _list_files() -> list[Path]:
    return [path for name in _FOLDERS for path in ([_ROOT / name] if name.endswith(".py") else _find(_ROOT / name))]


def _find(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _measure_functions(source: str) -> Iterator[tuple[str, int, int]]:
    """Each function's name, line and length: from ``def`` to its end, without its docstring and decorators."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if ast.get_docstring(node, clean=False) is not None else None
            described = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
            yield node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1 - described


def test_no_function_is_longer_than_forty_lines() -> None:
    long = [
        f"{path.relative_to(_ROOT)}:{line} {name} has {length} lines"
        for path in _list_files()
        for name, line, length in _measure_functions(path.read_text())
        if length > _FUNCTION_LINES
    ]
    assert long == []


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    long = [
        f"{path.relative_to(_ROOT)} has {length} lines"
        for path in _list_files()
        if (length := len(path.read_text().splitlines())) > _FILE_LINES
    ]
    assert long == []


def test_a_length_counts_neither_decorators_nor_the_docstring() -> None:
    source = '@first\n@second(\n    1\n)\ndef f(\n    a,\n):\n    """One.\n\n    Two.\n    """\n    return a\n'
    assert list(_measure_functions(source)) == [("f", 5, 4)]
