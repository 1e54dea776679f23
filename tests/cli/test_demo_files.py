"""The files of ``make demo FILES=…``: names with spaces, patterns, quotes and dollar signs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app.cli.local.demo_files import find_files
from tests.running import ROOT

_NAMES = ("plain.txt", "two words.pdf", "two", "it's $HOME.txt", 'a "b".txt', "[draft].md", "double  space.txt")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in _NAMES:
        (tmp_path / name).write_text(name)
    (tmp_path / "a folder.pdf").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("plain.txt", ["plain.txt"]),
        ("two words.pdf", ["two words.pdf"]),
        ("two words.pdf plain.txt two", ["two words.pdf", "plain.txt", "two"]),
        ("it's $HOME.txt plain.txt", ["it's $HOME.txt", "plain.txt"]),
        ("\"two words.pdf\" 'plain.txt'", ["two words.pdf", "plain.txt"]),
        ('a "b".txt', ['a "b".txt']),
        ("[draft].md", ["[draft].md"]),
        ("double  space.txt", ["double  space.txt"]),
        ("*.pdf plain.txt", ["two words.pdf", "plain.txt"]),
        ("two*.pdf [pq]lain.txt", ["two words.pdf", "plain.txt"]),
    ],
)
def test_files_are_found_by_names_and_patterns(text: str, names: list[str], folder: Path) -> None:
    assert find_files(text) == [Path(name) for name in names]
    assert find_files(str(folder / "two*.pdf")) == [folder / "two words.pdf"]


@pytest.mark.parametrize("text", ["nothing.txt", "plain.txt nothing.txt", "*.docx", "'plain.txt", "a folder.pdf"])
def test_a_name_that_matches_no_file_is_bad_usage(text: str, folder: Path) -> None:
    with pytest.raises(typer.BadParameter, match="There is no file"):
        find_files(text)
    assert folder.is_dir()


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
@pytest.mark.parametrize("files", ["it's $HOME.txt", 'a "b" $(pwd) `pwd` *.txt', "$$x;ls #y", ""])
def test_make_passes_the_names_and_the_question_as_they_are(files: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["make", "-s", "-o", ".venv/.runtime", "demo", f"BIN={tmp_path}", f"FILES={files}", "ASK=What's $5?"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == ["main.py", "demo", f"--files={files}", "--ask=What's $5?"]
