"""What a child of the sandbox may answer when a hostile document controls it: only its own document fails."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.domain.documents import Page
from app.domain.errors import DocumentDamagedError, NoExtractableTextError, ParseLimitExceededError
from app.domain.media import TEXT
from app.pipeline.sandbox import child, process, wire
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import deadline

_CHILD = "import os, sys, time; os.write(int(sys.argv[1]), bytes.fromhex(sys.argv[2])); time.sleep(600)"
_DONE = wire.json_frame(wire.DONE, {"metadata": {}, "retire": False})
_PAGE = wire.frame(wire.PAGE, wire.encode_page(Page(1, "The lock keeper counts barges.")))


async def read(monkeypatch: pytest.MonkeyPatch, reply: bytes) -> tuple[Any, list[tuple[int, int]]]:
    """Parse by a child that sends this reply, whatever it is asked; returns the document and the progress."""

    def spawn(_program: str, connection: socket.socket, _memory_mb: int) -> "subprocess.Popen[bytes]":
        descriptor = connection.fileno()
        return subprocess.Popen([sys.executable, "-c", _CHILD, str(descriptor), reply.hex()], pass_fds=(descriptor,))

    monkeypatch.setattr(process, "spawn", spawn)
    parser = ParserSandbox(size=1, time_limit=60, memory_mb=256, max_pages=10, ocr_engine="rapidocr")
    progress: list[tuple[int, int]] = []
    try:
        async with asyncio.timeout(deadline(20)):
            return await parser.parse(Path("/"), TEXT, lambda done, total: progress.append((done, total))), progress
    finally:
        await parser.close()


def write(kind: bytes, text: str) -> bytes:
    return wire.frame(kind, text.encode())


async def test_a_usual_reply_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = write(wire.PROGRESS, "[1, 2]") + write(wire.EXTEND, "3.5") + write(wire.PROGRESS, "[2, 2]") + _PAGE + _DONE
    parsed, progress = await read(monkeypatch, reply)
    assert ([page.text for page in parsed.pages], progress) == (["The lock keeper counts barges."], [(1, 2), (2, 2)])


async def test_a_failure_without_a_detail_has_the_message_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = wire.json_frame(wire.FAILED, {"code": "no_extractable_text", "detail": None, "retire": False})
    with pytest.raises(NoExtractableTextError) as failure:
        await read(monkeypatch, reply)
    assert failure.value.message == NoExtractableTextError.title()


@pytest.mark.parametrize(
    "frame",
    [
        *(write(wire.PROGRESS, text) for text in ("[-1, 0]", "[3, 2]", "[Infinity, 1]", "[NaN, 1]", "[1]", "{}", "x")),
        *(write(wire.EXTEND, text) for text in ("NaN", "Infinity", "-Infinity", "[]", "1e999")),
        *(write(wire.DONE, text) for text in ("[]", '{"metadata": [1], "retire": false}', '{"retire": false}')),
        write(wire.FAILED, '{"code": [], "detail": "", "retire": false}'),
        write(wire.PAGE, "short"),
        write(wire.PIECE, "of no file"),
    ],
)
async def test_an_invalid_reply_damages_the_document_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, frame: bytes
) -> None:
    with pytest.raises(DocumentDamagedError, match="invalid answer"):
        await read(monkeypatch, frame + _DONE)


async def test_the_detail_of_a_failure_is_a_short_text(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"code": DocumentDamagedError.code, "detail": ["x" * 10_000], "retire": False}
    with pytest.raises(DocumentDamagedError) as raised:
        await read(monkeypatch, write(wire.FAILED, json.dumps(given)))
    assert isinstance(raised.value.detail, str)
    assert len(raised.value.detail) <= 1000


async def test_a_reply_whose_length_is_forged_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParseLimitExceededError):
        await read(monkeypatch, wire.HEADER.pack(wire.PAGE, 2**32 - 1))


async def test_pages_without_text_are_limited_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_MAX_PAGES", 3)
    with pytest.raises(ParseLimitExceededError, match="3 pages"):
        await read(monkeypatch, wire.frame(wire.PAGE, wire.encode_page(Page(None, ""))) * 4 + _DONE)


def test_the_pages_of_a_small_document_are_sent_in_one_message_and_large_ones_as_they_are_read() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps the messages apart
    with ours, theirs:
        child._send(theirs, (b"page %d" % number for number in range(3)))
        child._send(theirs, [b"x" * 40_000, b"y" * 30_000, b"z"])
        assert [len(ours.recv(2**20)) for _ in range(3)] == [18, 70_000, 1]
