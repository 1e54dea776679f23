"""The protocol between a sandbox child and its parent.

A frame is one byte for its kind, the length of the payload (four bytes, big-endian) and the payload. Nothing is
unpickled, because a hostile document may control the child.
"""

import json
import struct
from typing import Any

HEADER = struct.Struct(">cI")
PAGE_HEADER = struct.Struct(">i")

PROGRESS = b"N"
"""Payload: JSON ``[pages done, total pages]``."""
PAGE = b"P"
"""Payload: the page number (0 where the format has no pages), then its text in UTF-8."""
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


def page_frame(number: int | None, text: str) -> bytes:
    """A frame with the text of one page."""
    return frame(PAGE, PAGE_HEADER.pack(number or 0) + text.encode("utf-8", "ignore"))
