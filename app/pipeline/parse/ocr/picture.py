"""Uploaded pictures: PNG, JPEG, TIFF of several pages, WebP and BMP, decoded by Pillow and read by OCR."""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.engine import Picture
from app.pipeline.parse.ocr.page import PIXELS
from app.pipeline.parse.ocr.reader import OcrReader
from app.pipeline.parse.pdf.hyphens import join_words

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "DIB")
_BROKEN = (
    OSError,  # also Image.UnidentifiedImageError
    SyntaxError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)
"""The errors of Pillow over damaged files."""
_SUBFILE_TYPE = 254
_THUMBNAIL = 1
"""In TIFF, the bit that marks a smaller copy of another page."""
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "F")
_WHITE = 255


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of each page of a picture. The metadata says with which confidence it was read.

    Raises:
        DocumentDamagedError: when it cannot be decoded.
        ParseLimitExceededError: when it has more pages or pixels than allowed, or OCR takes too long.
    """
    ocr = OcrReader(limits)
    pages: list[tuple[int, str]] = []
    with _open(path) as image:
        total = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
        if total > limits.pages:
            raise ParseLimitExceededError(f"It has {count_of(total, 'page')}; the limit is {limits.pages}.")
        for index in range(total):
            if index:
                image.seek(index)
            if not _is_thumbnail(image):
                pages.append((index + 1, ocr.read_picture(_decode(image, limits), index + 1)))
            report(index + 1, total)
    texts = join_words([text for _, text in pages])
    numbers = [number if total > 1 else None for number, _ in pages]
    found = [Page(number, text) for number, text in zip(numbers, texts, strict=True)]
    return Parsed(found, {"page_count": total if total > 1 else None, **ocr.metadata})


@contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """The open picture. Errors of Pillow are raised as errors of the document."""
    Image.MAX_IMAGE_PIXELS = None  # the limit is checked for each page
    try:
        with Image.open(path, formats=_FORMATS) as image:
            yield image
    except _BROKEN as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:200]) from error


def _is_thumbnail(image: Image.Image) -> bool:
    """Whether the present page is a smaller copy of another page."""
    return image.format == "TIFF" and bool(int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _THUMBNAIL)


def _decode(image: Image.Image, limits: Limits) -> Picture:
    """The present page in shades of grey on white, upright as its camera recorded it."""
    if image.width * image.height > limits.picture_pixels:
        raise ParseLimitExceededError(f"It has more than {limits.picture_pixels:,} pixels.")
    if image.width * image.height > PIXELS:
        image.draft("L", (image.width // 2, image.height // 2))  # a JPEG is decoded at a smaller size
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _WIDE_MODES:
        values = np.asarray(upright, dtype=np.float32).copy()
        values *= _WHITE / max(float(values.max(initial=0)), 1.0)
        upright = Image.fromarray(values.clip(0, _WHITE).astype(np.uint8))
    elif "A" in upright.getbands() or "transparency" in upright.info:
        layered = upright.convert("RGBA").convert("LA")
        upright = Image.new("L", layered.size, _WHITE)
        upright.paste(layered.getchannel("L"), mask=layered.getchannel("A"))
    else:
        upright = upright.convert("L")
    if upright.width * upright.height > PIXELS:
        scale = (PIXELS / (upright.width * upright.height)) ** 0.5
        upright = upright.resize((max(1, int(upright.width * scale)), max(1, int(upright.height * scale))))
    return np.array(upright, dtype=np.uint8)
