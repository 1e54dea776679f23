"""Leaves out the blank parts of a page: a detector of text overlooks a single line on a large white page."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.pipeline.parse.ocr.engine import Picture

_SAMPLE_SIDE = 800
_INK = 16
"""How much a smoothed pixel differs from the background of the page, of 255, where something is drawn."""
_MARGIN = 0.025
"""The blank margin that is kept around what is drawn, as a share of the longer side."""


def crop_blank(picture: Picture) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of the rows and of the columns to keep; none where the picture is blank.

    Rows are left out between lines too, columns only at the edges, so that no line is cut.
    """
    height, width = picture.shape
    scale = min(1.0, _SAMPLE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    sample = cv2.blur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (3, 3)).astype(np.int16)
    ink = np.abs(sample - int(np.median(sample))) > _INK
    margin = round(_MARGIN * max(height, width))
    rows = _widen(np.flatnonzero(ink.any(axis=1)), height, height / size[1], margin)
    columns = _widen(np.flatnonzero(ink.any(axis=0)), width, width / size[0], margin)
    return np.flatnonzero(rows), np.arange(columns.argmax(), width - columns[::-1].argmax())


def _widen(found: NDArray[np.intp], length: int, step: float, margin: int) -> NDArray[np.bool_]:
    """Which of the rows or columns are within the margin of a found one, whose numbers are those of the sample."""
    changes = np.zeros(length + 1, dtype=np.int64)
    starts = np.clip(np.floor(found * step) - margin, 0, length).astype(np.intp)
    ends = np.clip(np.ceil((found + 1) * step) + margin, 0, length).astype(np.intp)
    np.add.at(changes, starts, 1)
    np.add.at(changes, ends, -1)
    return np.cumsum(changes)[:length] > 0
