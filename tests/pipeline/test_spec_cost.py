"""Specifications of hostile repositories: each takes time in proportion to its files, and its text adds no markup."""

from collections.abc import Callable, Sequence

import pytest

from app.domain.specs import SpecType
from app.pipeline.specs.document import write_specification
from app.pipeline.specs.facts import FileFacts, Import, Note, Repository, Symbol
from tests.growth import check_linear


def make_file(path: str, language: str, *imports: str, **facts: Sequence[Symbol | Note]) -> FileFacts:
    given = [Import(module, 1) for module in imports]
    return FileFacts(path, language, 10, 100, imports=given, **facts)  # type: ignore[arg-type]


def write(files: Sequence[FileFacts], kind: SpecType) -> str:
    return write_specification(Repository("ferry", files), kind, characters=100_000).markdown


def make_ring(count: int) -> list[FileFacts]:
    return [make_file(f"p{n}/a.py", "Python", f"p{(n + 1) % count}.a") for n in range(count)]


def make_pairs(count: int) -> list[FileFacts]:
    return [make_file(f"p{n}/a.py", "Python", f"p{n ^ 1}.a") for n in range(count)]


def make_go_modules(count: int) -> list[FileFacts]:
    notes = [Note("module", f"m{n}", "Go", 1) for n in range(count)]
    modules = [make_file(f"p{n}/go.mod", "Go", notes=[note]) for n, note in enumerate(notes)]
    return [*modules, *(make_file(f"p{n}/a.go", "Go", f"x{n}/a", f"y{n}/b") for n in range(count))]


def make_headers(count: int) -> list[FileFacts]:
    return [make_file(f"p{n}/a.h", "C", f'"x{n}/a.h"') for n in range(count)]


def make_deep_folders(count: int) -> list[FileFacts]:
    return [make_file("/".join(["d"] * count) + f"/p{n}/a.py", "Python", "p1.a") for n in range(20)]


@pytest.mark.parametrize("make", [make_ring, make_pairs, make_go_modules, make_headers])
def test_the_graph_of_imports_takes_linear_time(make: Callable[[int], list[FileFacts]]) -> None:
    check_linear(lambda count: write(make(count), SpecType.ARCHITECTURE), 1500)


@pytest.mark.parametrize("kind", [SpecType.ARCHITECTURE, SpecType.OVERVIEW])
def test_deep_folders_take_linear_time(kind: SpecType) -> None:
    check_linear(lambda count: write(make_deep_folders(count), kind), 2000)


def test_members_whose_type_comes_last_take_linear_time() -> None:
    def write_members(count: int) -> str:
        members = [Symbol("method", f"Ferry.m{n}", "func m()", "", 1, 1) for n in range(count)]
        symbols = [*members, Symbol("struct", "Ferry", "type Ferry struct", "", 1, 1)]
        return write([make_file("a.go", "Go", symbols=symbols)], SpecType.API)

    check_linear(write_members, 1500)


@pytest.mark.parametrize(("language", "module"), [("Python", "a." * 140), ("Java", "a." * 140), ("Rust", "a::" * 90)])
def test_long_names_of_imports_are_compared_as_deep_as_the_repository_is(language: str, module: str) -> None:
    def write_imports(parts: int) -> str:
        imports = [f"{module[: parts * 2]}b{n}" for n in range(300)]
        return write([make_file(f"p{n}/a", language, *imports) for n in range(10)], SpecType.ARCHITECTURE)

    check_linear(write_imports, 35)


def test_an_include_that_many_headers_may_be_refers_to_none() -> None:
    files = [make_file(f"p{n}/a.h", "C") for n in range(60)]
    written = write([*files, make_file("src/main.c", "C", '"p7/a.h"')], SpecType.ARCHITECTURE)
    assert "`src` imports" not in written
    few = write([*files[:10], make_file("src/main.c", "C", '"p7/a.h"')], SpecType.ARCHITECTURE)
    assert "`src` imports `p7`" in few


@pytest.mark.parametrize("text", ["~~~ swallows the rest", "# Forged", "=== ruled", "--- ruled", "+ listed"])
def test_text_of_a_source_begins_no_block_of_markdown(text: str) -> None:
    symbols = [Symbol("function", "f", "def f()", "", 1, 1)]
    file = FileFacts("a.py", "Python", 10, 100, doc=text, symbols=symbols)
    assert f"\n\\{text} (`a.py:1`)\n" in write([file], SpecType.API)


def test_the_name_of_a_folder_adds_nothing_to_the_graph() -> None:
    name = 'x"]\nclick p0 href "javascript:a" <img> `b` #quot'
    files = [make_file(f"{name}/a.py", "Python", "lib.b"), make_file("lib/b.py", "Python")]
    [label] = [line for line in write(files, SpecType.ARCHITECTURE).split("\n") if line.startswith("  p1[")]
    shown = label.removeprefix('  p1["').removesuffix('"]')
    assert shown == "x#34;]#10;click p0 href #34;javascript:a#34; #60;img#62; #96;b#96; #35;quot"
