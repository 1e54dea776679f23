"""The files within a document reach the worker unchanged, and a killed process leaves none of them on disk."""

import os
from pathlib import Path

import pytest

from app.domain.errors import ParseLimitExceededError
from app.domain.media import PDF
from app.pipeline.sandbox import process as sandbox_process
from app.pipeline.sandbox.file_spool import FileSpool
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import build_pdf
from tests.pipeline.test_pdf_attachments import TOLLS, embed

LARGE = os.urandom(3 * 1024 * 1024)


def fill(*files: tuple[str, bytes]) -> FileSpool:
    spool = FileSpool()
    for name, content in files:
        spool.begin(name)
        for start in range(0, len(content), 50_000):
            spool.write(content[start : start + 50_000])
    return spool


def test_files_are_read_as_they_were_written_in_any_order_and_again() -> None:
    spool = fill(("a", b"one"), ("empty", b""), ("large", LARGE), ("b", b"two"))
    assert [(file.name, len(file.content)) for file in spool] == [
        ("a", 3),
        ("empty", 0),
        ("large", len(LARGE)),
        ("b", 3),
    ]
    assert spool[2].content == LARGE
    assert spool[0].content == b"one"
    assert [file.name for file in spool[1:3]] == ["empty", "large"]
    assert spool[-1].content == b"two"
    assert max(len(piece) for piece in spool[2].pieces()) <= 64 * 1024
    with pytest.raises(IndexError):
        spool[4]


def test_bytes_without_a_file_are_refused() -> None:
    with pytest.raises(ValueError, match="No file has begun"):
        FileSpool().write(b"one")


def test_a_large_spool_has_no_name_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = fill(("large", LARGE))
    assert list(tmp_path.iterdir()) == []
    assert spool[0].content == LARGE


def holding_pdf(folder: Path) -> Path:
    """A PDF with a file in it."""
    catalog, objects = embed("tolls.csv")
    path = folder / "holding.pdf"
    path.write_bytes(
        build_pdf(draw_line(72, 700, "The tolls are in the files within."), catalog=catalog, objects=objects)
    )
    return path


async def test_the_sandbox_returns_the_files_within_a_document(tmp_path: Path) -> None:
    sandbox = ParserSandbox(size=1, time_limit=60, memory_mb=512, max_pages=9)
    try:
        [file] = (await sandbox.parse(holding_pdf(tmp_path), PDF)).attachments
        assert (file.name, file.content) == ("tolls.csv", TOLLS.encode())
    finally:
        await sandbox.close()


async def test_a_child_that_sends_more_files_than_allowed_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox_process, "_MAX_FILES", 0)
    sandbox = ParserSandbox(size=1, time_limit=60, memory_mb=512, max_pages=9)
    try:
        with pytest.raises(ParseLimitExceededError):
            await sandbox.parse(holding_pdf(tmp_path), PDF)
    finally:
        await sandbox.close()
