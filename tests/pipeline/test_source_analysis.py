"""Sources are analysed in the sandbox; a file on which it fails is named, and the others are described."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from app.domain.documents import Parsed
from app.domain.errors import ParseLimitExceededError, ParserKilledError
from app.domain.specs import SOURCES, SpecType
from app.pipeline.sandbox.sandbox import ParserSandbox
from app.pipeline.specs.bundle import Bundles
from app.pipeline.specs.document import write_specification
from app.pipeline.specs.facts import FileFacts, Skipped
from app.services.specs import source_analysis
from app.services.specs.source_analysis import SourceAnalysis


def make_bundles(folder: Path, files: Mapping[str, str]) -> Bundles:
    """One bundle of these files."""
    path = folder / "bundle.zip"
    with ZipFile(path, "w") as bundle:
        for name, text in files.items():
            bundle.writestr(name, text)
    return Bundles(folder, {path: list(files)})


async def ignore(_done: int) -> None:
    """Report no progress."""


class Moody:
    """A parser that fails on bundles with certain files."""

    def __init__(self, error: Exception) -> None:
        self.calls = 0
        self._error = error

    async def parse(self, path: Path, media_type: str, *_: Any, **__: Any) -> Parsed:
        assert media_type == SOURCES
        self.calls += 1
        with ZipFile(path) as bundle:
            names = bundle.namelist()
        if "bad.py" in names:
            raise self._error
        return Parsed([], {"files": [FileFacts(name, "Python", 1, 1).as_json() for name in names]})


@pytest.fixture
async def sandbox() -> AsyncIterator[ParserSandbox]:
    made = ParserSandbox(size=1, time_limit=60, memory_mb=512, max_pages=10)
    yield made
    await made.close()


async def test_the_sandbox_returns_the_facts_of_each_file(sandbox: ParserSandbox, tmp_path: Path) -> None:
    files = {
        "weir/a.py": 'def open_gate():\n    """Open."""\n',
        "weir/b.go": "package b\nfunc Close() {}\n",
        "weir/c": "",
    }
    repository, root = await SourceAnalysis(sandbox, 60).analyse(make_bundles(tmp_path, files), "weir", ignore)
    assert (root, [file.path for file in repository.files]) == ("weir", ["a.py", "b.go", "c"])
    assert [symbol.name for file in repository.files for symbol in file.symbols] == ["open_gate", "Close"]
    assert (repository.files[0].symbols[0].doc, repository.files[2].lines) == ("Open.", 0)


async def test_the_file_at_fault_is_found_by_halving(tmp_path: Path) -> None:
    files = {**{f"{number}.py": "x" for number in range(7)}, "bad.py": "x"}
    parser = Moody(ParseLimitExceededError("Reading it needs more memory than is allowed."))
    repository, _ = await SourceAnalysis(parser, 60).analyse(make_bundles(tmp_path, files), "weir", ignore)
    assert len(repository.files) == 7
    assert repository.skipped == [Skipped("bad.py", "Reading it needs more memory than is allowed.")]
    assert parser.calls == 7


async def test_a_parser_that_the_system_has_killed_is_no_fault_of_a_file(tmp_path: Path) -> None:
    bundles = make_bundles(tmp_path, {"a.py": "x", "bad.py": "x"})
    with pytest.raises(ParserKilledError):
        await SourceAnalysis(Moody(ParserKilledError()), 60).analyse(bundles, "weir", ignore)


async def test_files_that_no_time_is_left_for_are_named(tmp_path: Path) -> None:
    bundles = make_bundles(tmp_path, {"a.py": "x", "b.py": "x"})
    repository, _ = await SourceAnalysis(Moody(ParserKilledError()), -1).analyse(bundles, "weir", ignore)
    assert not repository.files
    assert [file.path for file in repository.skipped] == ["a.py", "b.py"]


@pytest.mark.parametrize(
    "answer",
    [{}, {"files": [{}]}, {"files": [FileFacts("other.py", "Python", 1, 1).as_json()]}, {"files": "x"}],
    ids=lambda answer: json.dumps(answer)[:30],
)
async def test_a_child_that_a_hostile_file_controls_cannot_name_files_that_do_not_exist(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    class Controlled:
        async def parse(self, *_: Any, **__: Any) -> Parsed:
            return Parsed([], answer)

    bundles = make_bundles(tmp_path, {"a.py": "x"})
    repository, _ = await SourceAnalysis(Controlled(), 60).analyse(bundles, "weir", ignore)
    assert not repository.files
    assert [file.path for file in repository.skipped] == ["a.py"]


async def test_a_repository_with_very_many_definitions_keeps_the_first_ones(
    sandbox: ParserSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_analysis, "_MOST_FACTS", 5)
    definitions = "".join(f"def open_{number}():\n    pass\n" for number in range(4))
    files = {f"{name}.py": definitions for name in ("a", "b", "c")}
    repository, _ = await SourceAnalysis(sandbox, 60).analyse(make_bundles(tmp_path, files), "weir", ignore)
    assert [len(file.symbols) for file in repository.files] == [4, 0, 0]
    assert "definitions and imports" in repository.files[1].problem
    assert "b.py" in write_specification(repository, SpecType.OVERVIEW, characters=10_000).markdown
