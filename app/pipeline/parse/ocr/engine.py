"""The interface of the OCR engines."""

from typing import Any, NamedTuple, Protocol, TypeAlias

Picture: TypeAlias = Any
"""A greyscale picture: a NumPy array of bytes, height by width. NumPy is imported only where OCR is on."""


class OcrError(Exception):
    """The picture could not be read. The message gives the reason in one line."""


class Reading(NamedTuple):
    """The text of a picture, and how certain the engine is of it, from 0 to 1."""

    text: str
    confidence: float


NOTHING = Reading("", 0.0)


class Engine(Protocol):
    """Reads the text of pictures."""

    def read(self, picture: Picture, seconds: float) -> Reading:
        """The text of a picture from top to bottom, within so many seconds.

        Raises:
            OcrError: when it cannot be read, or takes longer.
            ParserKilledError: when the system killed the engine. Without an error, the page would be lost.
        """
        ...


def make_engine(name: str, languages: str | None) -> Engine:
    """The engine of that name, ``rapidocr`` or ``tesseract``.

    Raises:
        OcrError: when it is not installed or cannot be loaded.
    """
    if name == "rapidocr":
        from app.pipeline.parse.ocr.rapid import RapidOcr  # noqa: PLC0415, costs 100 MB

        return RapidOcr()
    from app.pipeline.parse.ocr.tesseract import Tesseract  # noqa: PLC0415, few documents need it

    return Tesseract(languages or "eng")
