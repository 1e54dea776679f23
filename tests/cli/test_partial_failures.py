"""Files that fail within a batch or an archive are named and fail the command; what else commands say of documents."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import read_json, run_in
from tests.running import ROOT, Stack

_BINARY = bytes(range(256)) * 8


@pytest.fixture(scope="module")
def folder(shared_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good files and two bad ones, and an archive of one of each, in the folder of a new agent."""
    folder = tmp_path_factory.mktemp("mixed files")
    (folder / "heron.txt").write_text("The heron waits for the evening boat.")
    (folder / "gate.txt").write_text("The gate opens at nine.")
    (folder / "x.bin").write_bytes(_BINARY)
    (folder / "empty.txt").touch()
    with zipfile.ZipFile(folder / "mixed.zip", "w") as archive:
        archive.writestr("weir.txt", "The weir was built in 1884.")
        archive.writestr("x.bin", _BINARY)
    read_json(folder, shared_stack.environment, "agents", "create", "Mixed")
    return folder


def get_error_lines(stderr: str, verb: str) -> list[str]:
    """The lines that name a file that failed or was refused."""
    return sorted(line for line in stderr.splitlines() if f" {verb}: " in line)


def test_a_batch_names_the_files_that_failed_and_exits_with_1(shared_stack: Stack, folder: Path) -> None:
    files = ("heron.txt", "gate.txt", "x.bin", "empty.txt")
    done = run_in(folder, shared_stack.environment, "batch", *files, "--agent", "mixed", "--wait", code=1)
    assert "2 of 4 done, 2 failed" in done.stdout
    empty, binary = get_error_lines(done.stderr, "failed")
    assert (empty.split()[0], binary.split()[0]) == ("empty.txt", "x.bin")
    assert "(empty_file)" in empty
    assert "(unsupported_type)" in binary


def test_a_batch_that_is_not_followed_names_the_files_that_were_refused(shared_stack: Stack, folder: Path) -> None:
    done = run_in(folder, shared_stack.environment, "batch", "heron.txt", "x.bin", "--agent", "mixed", code=1)
    [line] = get_error_lines(done.stderr, "was refused")
    assert line.startswith("x.bin was refused: This file type is not supported.")


@pytest.mark.slow
def test_an_archive_names_the_files_that_failed_and_exits_with_1(shared_stack: Stack, folder: Path) -> None:
    upload = ("upload", "mixed.zip", "--agent", "mixed", "--wait")
    done = run_in(folder, shared_stack.environment, *upload, code=1)
    assert [line.split()[0] for line in get_error_lines(done.stderr, "failed")] == ["x.bin"]
    [again] = read_json(folder, shared_stack.environment, *upload, code=1)
    assert again["counts"]["succeeded"] == 1


def test_a_document_without_text_is_said_to_have_none(shared_stack: Stack, folder: Path) -> None:
    (folder / "blank.txt").write_text(" \n")
    [failed] = read_json(folder, shared_stack.environment, "upload", "blank.txt", "--agent", "mixed", "--wait", code=1)
    done = run_in(folder, shared_stack.environment, "documents", "text", str(failed["document_id"]))
    assert done.stdout == ""
    assert f"Document {failed['document_id']} has no text." in done.stderr


def test_data_and_messages_keep_their_order_in_one_pipe() -> None:
    program = (
        "from app.cli.output import print_fields, say; print_fields({'a': 1}); say('then'); print_fields({'b': 2})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    assert done.stdout == "a  1\nthen\nb  2\n"
