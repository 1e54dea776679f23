"""Reads the pictures of one document within its limits, and records what was read and how certain it is."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.choice import INSTALL
from app.pipeline.parse.ocr.engine import NOTHING, Engine, OcrError, Picture, Reading, make_engine

if TYPE_CHECKING:
    import pypdfium2 as pdfium

_PAGE_SECONDS = 60.0
_MAX_FAILURES = 3
_MAX_LISTED = 100
_LITTLE_TEXT = 500
"""Pages with fewer characters may show the rest of their text in pictures."""
_CERTAIN = 0.8
_KNOWN_WORDS = 0.8


class OcrReader:
    """Reads the scanned pages and the pictures of one document.

    ``failure`` is the reason of the first failure, empty while there is none. After three failures the remaining pages
    are not tried, because they would fail in the same way.

    Args:
        limits: The engine, its languages and its time. The time that OCR takes is added to the document's time limit.
    """

    def __init__(self, limits: Limits) -> None:
        self.failure = ""
        self._limits = limits
        self._engine: Engine | None = None
        self._attempts = _MAX_FAILURES if limits.ocr_engine else 0
        self._left = limits.ocr_seconds
        self._confidences: dict[int, float] = {}
        self._weights: dict[int, int] = {}

    @property
    def is_on(self) -> bool:
        """Whether a page would be tried."""
        return self._attempts > 0

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The first hundred pages that were read, the confidence from 0 to 1, and the uncertain pages."""
        weight = sum(self._weights.values())
        mean = sum(self._confidences[page] * self._weights[page] for page in self._weights) / weight if weight else 0
        uncertain = [
            {"page": page, "confidence": value} for page, value in self._confidences.items() if value < _CERTAIN
        ]
        return {
            "ocr_engine": self._limits.ocr_engine if weight else None,
            "ocr_pages": list(self._confidences)[:_MAX_LISTED],
            "ocr_confidence": round(mean, 2),
            "ocr_uncertain_pages": uncertain[:_MAX_LISTED],
            "ocr_failure": self.failure,
        }

    def read(self, page: "pdfium.PdfPage", number: int) -> str:
        """The text of a page that is a scan; empty where it has none or could not be read.

        Raises:
            ParseLimitExceededError: when OCR has used up its time. The rest of the document would be missing.
        """
        if not self.is_on:
            return ""
        from app.pipeline.parse.ocr.page import draw, is_empty  # noqa: PLC0415, few documents need it

        if is_empty(page):
            return ""
        if self._left <= 0:
            raise ParseLimitExceededError(f"OCR takes more than {self._limits.ocr_seconds:g} seconds.")
        return self._read(lambda: draw(page), number).text

    def complete(self, page: "pdfium.PdfPage", characters: "pdfium.PdfTextPage", text: str, number: int) -> str:
        """The text of a page, followed by the text of its pictures where it has little of its own.

        Text of the page that its pictures show too, as in a scan with a hidden layer of text, is not read twice.

        Args:
            page: An open page.
            characters: Its characters, which are covered before OCR.
            text: Its text as it was read.
            number: Its number.
        """
        if not self.is_on or len(text.strip()) >= _LITTLE_TEXT:
            return text
        if not text.strip():
            return self.read(page, number)
        from app.pipeline.parse.ocr.page import draw, has_large_picture  # noqa: PLC0415, few documents need it

        if not has_large_picture(page):
            return text
        if self._left <= 0:
            self.failure = self.failure or f"OCR has taken {self._limits.ocr_seconds:g} seconds"
            return text
        found = self._read(lambda: draw(page, characters), number).text
        new = "\n".join(_drop_known(found, text)).strip()
        return f"{text.rstrip()}\n\n{new}" if new else text

    def read_picture(self, picture: Picture, number: int) -> str:
        """The text of a picture, as ``read``."""
        if not self.is_on:
            return ""
        if self._left <= 0:
            raise ParseLimitExceededError(f"OCR takes more than {self._limits.ocr_seconds:g} seconds.")
        return self._read(lambda: picture, number).text

    def _read(self, draw: Callable[[], Picture], number: int) -> Reading:
        allowed = min(_PAGE_SECONDS, self._left)
        self._limits.extend_time(allowed)
        started = time.monotonic()
        try:
            self._engine = self._engine or make_engine(self._limits.ocr_engine or "", self._limits.ocr_languages)
            reading = self._engine.read(draw(), allowed)
        except OcrError as error:
            self.failure = self.failure or str(error)
            self._attempts -= 1
            return NOTHING
        finally:
            used = time.monotonic() - started
            self._left -= used
            self._limits.extend_time(used - allowed)
        if reading.text.strip():
            self._confidences[number] = round(reading.confidence, 2)
            self._weights[number] = len(reading.text)
        return reading


def explain(limits: Limits, failure: str | None) -> str:
    """The advice to the operator about a document without text.

    Args:
        limits: The engine and its languages.
        failure: The reason, where OCR failed.
    """
    if not limits.ocr_engine:
        return f"It may be a scan. To read scans, {INSTALL}, or install tesseract and set OCR_LANGUAGES."
    if failure:
        return f"OCR failed: {failure}."
    languages = f" with OCR_LANGUAGES={limits.ocr_languages}" if limits.ocr_languages else ""
    return f"OCR{languages} found none either."


def _drop_known(found: str, text: str) -> Iterator[str]:
    """The lines of which most words are not in the text of the page."""
    known = set(_words(text))
    for line in found.splitlines():
        words = _words(line)
        if not words or sum(word in known for word in words) < _KNOWN_WORDS * len(words):
            yield line


def _words(text: str) -> list[str]:
    return ["".join(char for char in word if char.isalnum()) for word in text.casefold().split()]
