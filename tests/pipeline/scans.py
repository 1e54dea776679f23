"""Scans for the tests of OCR: pages that pdfium draws, made into pictures and into PDFs of pictures."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pytest

from tests.pipeline.documents import draw_line, draw_pdf

Image = pytest.importorskip("PIL.Image", reason="the extra ocr is not installed")

LINES = (
    "The harbour office records every barge",
    "Permits are renewed in September",
    "Invoice 20417 amounts to 1,284.50 euros",
    "Night crossings need two lanterns",
    "The ferryman keeps the spare key",
    "Ice closed the canal for nine days",
)
COLUMNS = (
    tuple(f"Left column sentence {word} of the report" for word in ("one", "two", "three", "four", "five", "six")),
    tuple(f"Right column sentence {word} of the report" for word in ("red", "green", "blue", "grey", "white", "black")),
)


def draw(*lines: str, columns: Sequence[Sequence[str]] = (), dpi: int = 150) -> Any:
    """A page of text as a greyscale picture of Pillow."""
    drawn = [draw_line(72, 700 - 24 * row, line) for row, line in enumerate(lines)]
    for index, column in enumerate(columns):
        drawn += [draw_line(50 + 270 * index, 520 - 14 * row, line) for row, line in enumerate(column)]
    page = pdfium.PdfDocument(draw_pdf("".join(drawn)))[0]
    return page.render(scale=dpi / 72, grayscale=True).to_pil().convert("L")


def spoil(picture: Any, *, skew: float = 0, noise: float = 0) -> Any:
    """The picture as a poor scanner delivers it: skewed by degrees, noisy and compressed."""
    picture = picture.rotate(skew, fillcolor=255, resample=Image.Resampling.BICUBIC)
    noisy = np.asarray(picture) + np.random.default_rng(7).normal(0, noise, (picture.height, picture.width))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=50)
    return Image.open(file)


def save(picture: Any, kind: str, **options: Any) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def make_scan(*pictures: Any, texts: Sequence[str] = (), hidden: bool = False) -> bytes:
    """A PDF whose pages show one picture each, with a line of text of the page's own, visible or hidden.

    Args:
        pictures: One for each page.
        texts: Content streams that are drawn over the pictures.
        hidden: Show these texts invisibly, as scanners with text recognition do.
    """
    document = pdfium.PdfDocument.new()
    for index, picture in enumerate(pictures):
        stream = texts[index] if index < len(texts) else ""
        source = pdfium.PdfDocument(draw_pdf(f"3 Tr {stream}" if hidden else stream))
        document.import_pages(source)
        page = document[index]
        image = pdfium.PdfImage.new(document)
        image.load_jpeg(io.BytesIO(save(picture, "JPEG", quality=90)), inline=True)
        image.set_matrix(pdfium.PdfMatrix().scale(*page.get_size()))
        page.insert_obj(image)
        page.gen_content()
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()
