"""Reads scanned pages with the program ``tesseract``, where it is installed."""

import math
import os
import re
import shutil
import signal
import subprocess
from functools import partial

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.domain.errors import ParserKilledError
from app.parent_death import die_with_parent

_PROGRAM = "tesseract"
_LANGUAGES = re.compile(r"\w{1,40}(?:[+/]\w{1,40}){0,20}", re.ASCII)
_RESOLUTION = 300
"""Dots per inch; tesseract was trained on this resolution."""
_POINTS = 72
_PIXELS = 25_000_000
"""The largest picture of a page: A3 at that resolution, 25 MB."""
_PAGE_SECONDS = 60
_MAX_FAILURES = 3


class OcrError(Exception):
    """The page could not be read. The message gives the reason in one line."""


class OcrReader:
    """Reads the scanned pages of one document.

    ``failure`` is the reason of the first failure, empty while there is none. After three failures the remaining pages
    are not tried, because they would fail in the same way.

    Args:
        languages: As for ``read_page``; None turns OCR off.
    """

    def __init__(self, languages: str | None) -> None:
        self.failure = ""
        self._languages = languages
        self._attempts = _MAX_FAILURES

    def read(self, page: pdfium.PdfPage) -> str:
        """The text of a scanned page; empty where it has none or could not be read."""
        if not self._languages or not self._attempts:
            return ""
        try:
            return read_page(page, self._languages, _PAGE_SECONDS)
        except OcrError as error:
            self.failure = self.failure or str(error)
            self._attempts -= 1
            return ""


def explain(languages: str | None, failure: str | None) -> str:
    """What an operator can do about a PDF without text.

    Args:
        languages: The languages of OCR; None where it is off.
        failure: The reason, where OCR failed.
    """
    if not languages:
        return "It may be a scan. To read scans, install tesseract and set OCR_LANGUAGES, for example to eng."
    return f"OCR failed: {failure}." if failure else f"OCR with OCR_LANGUAGES={languages} found none either."


def read_page(page: pdfium.PdfPage, languages: str, seconds: float) -> str:
    """The text of a scanned page, from top to bottom.

    Args:
        page: An open page.
        languages: As tesseract names them, joined by ``+``.
        seconds: The time limit of tesseract.

    Raises:
        OcrError: when tesseract is not installed, lacks a language, takes longer or fails.
        ParserKilledError: when the system killed tesseract. Without an error, the page would be lost.
    """
    if pdfium_raw.FPDFPage_CountObjects(page) == 0:
        return ""  # the page is empty
    program = shutil.which(_PROGRAM)
    if program is None:
        raise OcrError("tesseract is not installed")
    if not _LANGUAGES.fullmatch(languages):
        raise OcrError(f"{languages[:40]!r} is not a list of languages such as eng+deu")
    command = [program, "stdin", "stdout", "-l", languages, "--dpi", str(_RESOLUTION)]
    try:
        done = subprocess.run(  # noqa: S603, a program that the operator installed
            command,
            input=_draw(page),
            capture_output=True,
            timeout=seconds,
            check=False,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
    except subprocess.TimeoutExpired as error:
        raise OcrError(f"tesseract took more than {seconds:g} seconds") from error
    if done.returncode == -signal.SIGKILL:
        raise ParserKilledError("It was tesseract.")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OcrError(f"tesseract: {lines[0][:200]}" if lines else f"tesseract exited with {done.returncode}")
    return done.stdout.decode("utf-8", "replace").rstrip("\f\n")


def _draw(page: pdfium.PdfPage) -> bytes:
    """The page as a greyscale PGM file, at a lower resolution where it is large."""
    width, height = page.get_size()
    scale = min(_RESOLUTION / _POINTS, math.sqrt(_PIXELS / max(width * height, 1)))
    if not width * height >= 1 or max(width, height) * scale > _PIXELS / 100:
        raise OcrError("the page has an invalid size")
    bitmap = page.render(scale=scale, grayscale=True)
    data = bytes(bitmap.buffer)
    rows = (data[start : start + bitmap.width] for start in range(0, bitmap.stride * bitmap.height, bitmap.stride))
    picture = b"".join((f"P5 {bitmap.width} {bitmap.height} 255\n".encode(), *rows))
    bitmap.close()
    return picture
