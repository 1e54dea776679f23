"""The program of a child process that makes the words and vectors of batches, until its parent ends.

Started by ``app.pipeline.sandbox.batches`` as ``python -m app.tasks.batch_child <socket>``. It imports no more than it
needs, and so starts in a fifth of a second.
"""

import json
import os
import signal
import socket
import sys
from collections import Counter
from functools import cache
from typing import Any, BinaryIO

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.db.codecs import encode_tsvector
from app.domain.vectors import Vector
from app.parent_death import die_with_parent
from app.pipeline.sandbox import wire
from app.pipeline.words.lexemes import lexemes

_load_wordllama = cache(WordLlamaEmbedder)


def main() -> None:
    """Serve batches until the parent closes its end."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(signal.SIGKILL, os.getppid())
    with connection.makefile("rb") as stream:
        while request := _read(stream):
            try:
                reply = wire.frame(wire.DONE, index(**request))
            except Exception as error:  # noqa: BLE001, the parent raises it
                reply = wire.json_frame(wire.FAILED, f"{type(error).__name__}: {error}"[:300])
            connection.sendall(reply)


def index(name: str, texts: list[str], model: str | None) -> bytes:
    """The reply to a batch. Of all models, only WordLlama is fast enough to be worth a process."""
    counts = Counter[str]()
    words: list[bytes] = []
    for text in texts:
        found = lexemes(f"{name}\n{text}")
        counts.update(found.keys())
        words.append(encode_tsvector(found))
    vectors: list[Vector] = []
    if model == WordLlamaEmbedder.model:
        embedder = _load_wordllama()
        for batch in embedder.batches(texts):
            vectors += embedder.embed_now(texts[batch.start : batch.end])
    return wire.encode_batch(words, counts, vectors)


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next request; None once the parent has closed its end."""
    header = stream.read(wire.HEADER.size)
    if len(header) < wire.HEADER.size:
        return None
    _, length = wire.HEADER.unpack(header)
    request: dict[str, Any] = json.loads(stream.read(length))
    return request


if __name__ == "__main__":
    main()
