"""Reads a page that is a picture, by the program ``tesseract`` where one is installed."""

import math
import os
import re
import shutil
import signal
import subprocess
from functools import partial

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.parent_death import die_with_parent

_PROGRAM = "tesseract"
_LANGUAGES = re.compile(r"\w{1,40}(?:[+/]\w{1,40}){0,20}", re.ASCII)
_RESOLUTION = 300
"""Dots an inch, which tesseract was trained on."""
_POINTS = 72
_PIXELS = 25_000_000
"""Of a page's picture at most, which is A3 at that resolution and takes 25 MB."""
_PAGE_SECONDS = 60
_PATIENCE = 3


class OcrError(Exception):
    """The page could not be read; the message says why in one line."""


class Pictures:
    """Reads the pages of one document that are pictures.

    ``failure`` is why the first page that could not be read was not, empty while there is none. After three such pages
    the others are left unread: they would fail alike.

    Args:
        languages: As for ``read_page``; None: nothing is read.
    """

    def __init__(self, languages: str | None) -> None:
        self.failure = ""
        self._languages = languages
        self._patience = _PATIENCE

    def read(self, page: pdfium.PdfPage) -> str:
        """The text in the picture of a page; empty where there is none, or it could not be read."""
        if not self._languages or not self._patience:
            return ""
        try:
            return read_page(page, self._languages, _PAGE_SECONDS)
        except OcrError as error:
            self.failure = self.failure or str(error)
            self._patience -= 1
            return ""


def explain(languages: str | None, failure: str | None) -> str:
    """What an operator can do about a PDF in which no text was found.

    Args:
        languages: Those that OCR reads, None where it is off.
        failure: Why OCR failed, where it did.
    """
    if not languages:
        return "Its pages may be pictures: OCR_LANGUAGES, such as eng, has them read where tesseract is installed."
    return f"OCR_LANGUAGES is set, but {failure}." if failure else f"Neither did OCR find any, looking for {languages}."


def read_page(page: pdfium.PdfPage, languages: str, seconds: float) -> str:
    """The text in the picture of a page, top to bottom.

    Args:
        page: An open page.
        languages: As tesseract names them, joined by ``+``.
        seconds: How long tesseract may take.

    Raises:
        OcrError: when tesseract is missing, lacks a language, takes longer or fails.
    """
    if pdfium_raw.FPDFPage_CountObjects(page) == 0:
        return ""  # nothing is drawn on it
    program = shutil.which(_PROGRAM)
    if program is None:
        raise OcrError("tesseract is not installed")
    if not _LANGUAGES.fullmatch(languages):
        raise OcrError(f"{languages[:40]!r} names no languages")
    command = [program, "stdin", "stdout", "-l", languages, "--dpi", str(_RESOLUTION)]
    try:
        done = subprocess.run(  # noqa: S603, the program that the operator installed
            command,
            input=_draw(page),
            capture_output=True,
            timeout=seconds,
            check=False,
            preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
        )
    except subprocess.TimeoutExpired as error:
        raise OcrError(f"tesseract took more than {seconds:g} seconds") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise OcrError(f"tesseract: {lines[0][:200]}" if lines else f"tesseract ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace").rstrip("\f\n")


def _draw(page: pdfium.PdfPage) -> bytes:
    """The page in shades of grey as a PGM file, in fewer dots an inch where it is large."""
    width, height = page.get_size()
    scale = min(_RESOLUTION / _POINTS, math.sqrt(_PIXELS / max(width * height, 1)))
    if not width * height >= 1 or max(width, height) * scale > _PIXELS / 100:
        raise OcrError("it has no size that a page may have")
    bitmap = page.render(scale=scale, grayscale=True)
    data = bytes(bitmap.buffer)
    rows = (data[start : start + bitmap.width] for start in range(0, bitmap.stride * bitmap.height, bitmap.stride))
    picture = b"".join((f"P5 {bitmap.width} {bitmap.height} 255\n".encode(), *rows))
    bitmap.close()
    return picture
