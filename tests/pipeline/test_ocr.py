import asyncio
import os
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pypdfium2 as pdfium
import pytest

from app.domain.documents import Parsed
from app.domain.errors import NoExtractableTextError, ParserKilledError
from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.engine import OcrError
from app.pipeline.parse.ocr.page import PIXELS, draw
from app.pipeline.parse.ocr.tesseract import Tesseract
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import wait_until
from tests.pipeline.documents import make_pdf

LINE = "The lock keeper counts barges"
TESSERACT: dict[str, Any] = {"ocr_engine": "tesseract", "ocr_languages": "eng"}
needs_tesseract = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def scan(path: Path, *pages: str, size: tuple[int, int] = (612, 792)) -> Path:
    """A PDF whose pages are pictures of one line of text each."""
    source = pdfium.PdfDocument(make_pdf(*pages))
    made = pdfium.PdfDocument.new()
    for drawn in source:
        picture = drawn.render(scale=3, grayscale=True)
        rows = bytes(picture.buffer)
        width, height, stride = picture.width, picture.height, picture.stride
        pixels = b"".join(rows[start : start + width] for start in range(0, stride * height, stride))
        path.write_bytes(_wrap(width, height, pixels, size))
        made.import_pages(pdfium.PdfDocument(path.read_bytes()))
    made.save(path)
    return path


def _wrap(width: int, height: int, pixels: bytes, size: tuple[int, int]) -> bytes:
    data = zlib.compress(pixels)
    content = f"q {size[0]} 0 0 {size[1]} 0 0 cm /I Do Q".encode()
    kind = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceGray"
    page = f"/Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents 4 0 R"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< {page} /Resources << /XObject << /I 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        f"<< {kind} /BitsPerComponent 8 /Filter /FlateDecode /Length {len(data)} >>\nstream\n".encode()
        + data
        + b"\nendstream",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % item for item in enumerate(objects, 1))
    return body + b"trailer << /Size 6 /Root 1 0 R >>\n%%EOF\n"


def fake_tesseract(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of this name first on the path."""
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@needs_tesseract
def test_pages_that_are_pictures_are_read_where_languages_are_set(tmp_path: Path) -> None:
    path = scan(tmp_path / "a", LINE, "The canal froze in January")
    parsed = parse(path, PDF, limits=Limits(ocr_engine="tesseract", ocr_languages="eng"))
    assert [(page.number, page.text) for page in parsed.pages] == [(1, LINE), (2, "The canal froze in January")]
    assert "pages_without_text" not in parsed.metadata


async def read_in_sandbox(path: Path, until: Callable[[], bool] | None = None) -> Parsed:
    """Read a file in the sandbox. The reading is cancelled once ``until`` is true."""
    sandbox = ParserSandbox(size=1, time_limit=60, memory_mb=1024, max_pages=10, **TESSERACT)
    reading = asyncio.create_task(sandbox.parse(path, PDF))
    try:
        if until:
            await wait_until(until, "the moment to cancel")
            reading.cancel()
        return await reading
    finally:
        await sandbox.close()


@needs_tesseract
async def test_the_languages_reach_the_sandbox_and_its_limits_suffice(tmp_path: Path) -> None:
    assert (await read_in_sandbox(scan(tmp_path / "a", LINE))).pages[0].text == LINE


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
async def test_a_child_that_is_killed_leaves_no_program_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "pid"
    fake_tesseract(tmp_path, f"echo $$ > {mark}.new; mv {mark}.new {mark}; exec sleep 300", monkeypatch)
    with pytest.raises(asyncio.CancelledError):
        await read_in_sandbox(scan(tmp_path / "a", LINE), until=mark.exists)
    await wait_until(lambda: not psutil.pid_exists(int(mark.read_text())), "the program to end")


def test_without_languages_a_scan_says_what_would_have_it_read(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError, match="OCR_LANGUAGES"):
        parse(scan(tmp_path / "a", LINE), PDF)


@pytest.mark.parametrize("fallback", [False, True])
def test_pages_without_text_among_others_are_listed_the_first_hundred_of_them(tmp_path: Path, fallback: bool) -> None:
    path = tmp_path / "a"
    path.write_bytes(make_pdf(LINE, *[""] * 150, LINE))
    listed = parse(path, PDF, limits=Limits(ocr_engine="tesseract", ocr_languages="eng"), fallback=fallback).metadata[
        "pages_without_text"
    ]
    assert listed == list(range(2, 102))


def test_a_failing_program_is_named_and_asked_three_times_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_tesseract(tmp_path, f"echo x >> {tmp_path}/calls; echo no such language >&2; exit 1", monkeypatch)
    with pytest.raises(NoExtractableTextError, match="no such language"):
        parse(scan(tmp_path / "a", *[LINE] * 5), PDF, limits=Limits(ocr_engine="tesseract", ocr_languages="xyz"))
    assert len((tmp_path / "calls").read_text().split()) == 3


def test_a_page_whose_program_is_killed_by_the_system_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_tesseract(tmp_path, "kill -KILL $$", monkeypatch)
    with pytest.raises(ParserKilledError):
        parse(scan(tmp_path / "a", LINE), PDF, limits=Limits(ocr_engine="tesseract", ocr_languages="eng"))


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoExtractableTextError, match="tesseract is not installed"):
        parse(scan(tmp_path / "a", LINE), PDF, limits=Limits(ocr_engine="tesseract", ocr_languages="eng"))


def test_an_engine_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("rapid", "blank"):
        monkeypatch.delitem(sys.modules, f"app.pipeline.parse.ocr.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(NoExtractableTextError, match=r"OCR failed: RapidOCR cannot be loaded: .*cv2"):
        parse(scan(tmp_path / "a", LINE), PDF, limits=Limits(ocr_engine="rapidocr"))


def test_a_page_may_take_so_long_and_languages_are_no_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tesseract(tmp_path, "exec cat /dev/zero > /dev/null", monkeypatch)
    picture = draw(pdfium.PdfDocument(scan(tmp_path / "a", LINE))[0])
    with pytest.raises(OcrError, match=r"more than 0\.2 seconds"):
        Tesseract("eng").read(picture, 0.2)
    assert [child for child in psutil.Process().children() if child.name() in {"tesseract", "cat"}] == []
    with pytest.raises(OcrError, match="is not a list of languages"):
        Tesseract("eng --psm 0")


@pytest.mark.parametrize("size", [(14_400, 14_400), (14_400, 3), (1, 1)])
def test_pages_of_any_size_are_drawn_in_bounds(tmp_path: Path, size: tuple[int, int]) -> None:
    height, width = draw(pdfium.PdfDocument(scan(tmp_path / "a", LINE, size=size))[0]).shape
    assert 1 <= width * height <= PIXELS * 1.05
