"""Reads web pages directly over HTTP."""

import asyncio
import codecs
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

from app.adapters.web.client import WebClient, WebResponse
from app.domain.errors import translated_disk_errors
from app.domain.web import FetchedPage, check_status

_BUFFER = 1024 * 1024
_LONGEST_HEADER = 1000
_LONGEST_NAME = 120
_DEFAULT_NAME = "page.html"
_MARKUP = {"text/html", "application/xhtml+xml"}


class WebReader:
    """Fetches pages with a checked client.

    Args:
        client: The client.
        max_bytes: The largest page, after decompression.
    """

    def __init__(self, client: WebClient, *, max_bytes: int) -> None:
        self._client = client
        self._max_bytes = max_bytes

    async def read(self, url: str, folder: Path) -> FetchedPage:
        """Read one page into a file in ``folder``."""
        path = folder / "page"
        async with self._client.get(url) as response:
            check_status(response.status, response.retry_after)
            await _save(response.read(self._max_bytes), path)
        content_type = _read_header(response, "content-type")
        media_type = content_type.get_content_type() if content_type["content-type"] else None
        return FetchedPage(
            url=str(response.url),
            path=path,
            filename=_choose_name(response, media_type),
            media_type_hint=media_type,
            charset=_read_charset(content_type),
        )


async def _save(pieces: AsyncIterator[bytes], path: Path) -> None:
    """Write the pieces to a file, a megabyte at a time and off the event loop."""
    buffer = bytearray()
    await asyncio.to_thread(path.write_bytes, b"")
    async for piece in pieces:
        buffer += piece
        if len(buffer) >= _BUFFER:
            await asyncio.to_thread(_append, path, buffer)
            buffer = bytearray()
    await asyncio.to_thread(_append, path, buffer)


def _append(path: Path, data: bytearray) -> None:
    with translated_disk_errors(), path.open("ab") as file:
        file.write(data)


def _read_header(response: WebResponse, name: str) -> Message:
    """A header in the form in which ``email`` parses its parameters; empty if it is unreasonably long."""
    message = Message()
    value = response.headers.get(name, "")
    message[name] = value if len(value) <= _LONGEST_HEADER else ""
    return message


def _read_charset(content_type: Message) -> str | None:
    charset = content_type.get_content_charset()
    if not charset:
        return None
    try:
        return codecs.lookup(charset).name
    except (LookupError, ValueError):
        return None


def _choose_name(response: WebResponse, media_type: str | None) -> str:
    stated = _read_header(response, "content-disposition").get_filename() or ""
    name = _clean(stated) or _clean(unquote(response.url.path)) or _DEFAULT_NAME
    return f"{name}.html" if media_type in _MARKUP and "." not in name else name


def _clean(name: str) -> str:
    """The last part of a path, shortened and without characters that are unsafe in file names. Keeps the suffix."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(char for char in last if char.isprintable()).strip(" .")
    stem, dot, suffix = printable.rpartition(".")
    return f"{stem[:_LONGEST_NAME]}{dot}{suffix[:_LONGEST_NAME]}"
