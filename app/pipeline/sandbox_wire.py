"""What a sandbox child and its parent say to each other.

A frame is one kind byte, the payload's length (four bytes, big-endian) and the payload. Nothing is ever unpickled: a
child may be in the hands of the document it reads.
"""

import json
import struct
from typing import Any

HEADER = struct.Struct(">cI")
PAGE_HEADER = struct.Struct(">i")

PROGRESS = b"N"
"""Payload: JSON ``[pages done, pages in all]``."""
PAGE = b"P"
"""Payload: the page number (0: the format has none), then its text in UTF-8."""
DONE = b"D"
"""Payload: JSON ``{"metadata": …, "retire": bool}``; retire asks to be replaced, having grown."""
FAILED = b"E"
"""Payload: JSON ``{"code": …, "detail": …, "retire": bool}``."""
REQUEST = b"R"
"""Payload: JSON, the arguments of ``app.pipeline.parse.parse``; the only frame from parent to child."""


def frame(kind: bytes, payload: bytes) -> bytes:
    """The bytes of one frame."""
    return HEADER.pack(kind, len(payload)) + payload


def json_frame(kind: bytes, value: Any) -> bytes:
    """A frame whose payload is JSON."""
    return frame(kind, json.dumps(value).encode())


def page_frame(number: int | None, text: str) -> bytes:
    """A frame that carries one page."""
    return frame(PAGE, PAGE_HEADER.pack(number or 0) + text.encode("utf-8", "ignore"))
