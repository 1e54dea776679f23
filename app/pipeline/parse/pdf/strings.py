"""Strings that pdfium writes into buffers."""

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium_raw

Handle = object
"""A handle of pdfium."""
_MAX_BYTES = 64 * 1024 * 1024


def read_string(call: Callable[..., int], *arguments: Any) -> str:
    """The UTF-16 string that a function of pdfium writes; empty where there is none or it is too long.

    Args:
        call: Takes a buffer and its size after ``arguments``, and returns the size in bytes that it needs.
        arguments: Its first arguments.
    """
    size = int(call(*arguments, None, 0))
    if not 2 < size <= _MAX_BYTES:  # noqa: PLR2004, one unit that ends the string
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(*arguments, ctypes.cast(buffer, ctypes.POINTER(pdfium_raw.FPDF_WCHAR)), size)
    return buffer.raw.decode("utf-16-le", "ignore").partition("\0")[0]


def read_bytes(call: Callable[..., int], *arguments: Any) -> bytes:
    """As ``read_string``, for bytes that end with NUL."""
    size = int(call(*arguments, None, 0))
    if not 1 < size <= _MAX_BYTES:
        return b""
    buffer = ctypes.create_string_buffer(size)
    call(*arguments, buffer, size)
    return buffer.raw.partition(b"\0")[0]
