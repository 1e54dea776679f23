"""The protocol between a sandbox child and its parent.

A frame is one byte for its kind, the length of the payload (four bytes, big-endian) and the payload. Nothing is
unpickled, because a hostile document may control the child.
"""

import json
import struct
from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from app.domain.documents import Mark, Page
from app.domain.vectors import IndexedBatch, Vector

HEADER = struct.Struct(">cI")
_PAGE_HEADER = struct.Struct(">iI")
_MARK = struct.Struct(">IB")

PROGRESS = b"N"
"""Payload: JSON ``[pages done, total pages]``."""
EXTEND = b"X"
"""Payload: JSON, the seconds by which OCR extends the time limit, negative for unused seconds."""
PAGE = b"P"
"""Payload: a page as ``encode_page`` writes it."""
FILE = b"F"
"""Payload: the name of a file within the document, in UTF-8. Its bytes follow in PIECE frames."""
PIECE = b"B"
"""Payload: the next bytes of the file that was named last."""
DONE = b"D"
"""Payload: JSON ``{"metadata": …, "retire": bool}``; ``retire`` asks for the child to be replaced,
because it uses too much memory."""
FAILED = b"E"
"""Payload: JSON ``{"code": …, "detail": …, "retire": bool}``."""
REQUEST = b"R"
"""Payload: JSON, the arguments of ``app.pipeline.parse.parse``; the only frame that the parent sends."""


def frame(kind: bytes, payload: bytes) -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(kind, len(payload)) + payload


def json_frame(kind: bytes, value: Any) -> bytes:
    """A frame whose payload is JSON."""
    return frame(kind, json.dumps(value).encode())


def encode_page(page: Page) -> bytes:
    """A page as its number (0 where the format has no pages), the number of its marks, the marks, its text in UTF-8."""
    marks = b"".join(_MARK.pack(*mark) for mark in page.marks)
    return _PAGE_HEADER.pack(page.number or 0, len(page.marks)) + marks + page.text.encode("utf-8", "ignore")


def decode_page(payload: bytes) -> Page:
    """The page that ``encode_page`` wrote.

    Raises:
        ValueError: when the payload is shorter than it says.
    """
    try:
        number, count = _PAGE_HEADER.unpack_from(payload)
        end = _PAGE_HEADER.size + count * _MARK.size
        marks = [Mark(*fields) for fields in _MARK.iter_unpack(payload[_PAGE_HEADER.size : end])]
    except struct.error as error:
        raise ValueError(str(error)) from error
    return Page(number or None, payload[end:].decode("utf-8", "replace"), marks)


_BATCH_HEADER = struct.Struct(">III")


def encode_batch(words: Sequence[bytes], counts: Mapping[str, int], vectors: Sequence[Vector]) -> bytes:
    """A reply to a batch: the sizes of its parts, the counts of the lexemes, the words, the numbers of the vectors."""
    counted = json.dumps([counts, list(map(len, words))]).encode()
    length = len(vectors[0]) if vectors else 0
    header = _BATCH_HEADER.pack(len(counted), sum(map(len, words)), length)
    return b"".join((header, counted, *words, *(array("f", vector).tobytes() for vector in vectors)))


def decode_batch(payload: bytes) -> IndexedBatch:
    """The reply that ``encode_batch`` wrote."""
    size, words_size, length = _BATCH_HEADER.unpack_from(payload)
    start = _BATCH_HEADER.size + size
    counts, sizes = json.loads(payload[_BATCH_HEADER.size : start])
    places = accumulate(sizes, initial=start)
    numbers = array("f", payload[start + words_size :])
    return IndexedBatch(
        [payload[begin:end] for begin, end in pairwise(places)],
        counts,
        [numbers[begin : begin + length] for begin in range(0, len(numbers), length)] if length else [],
    )
