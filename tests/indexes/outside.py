"""Fakes for tests of indexes: models that record their texts, a parser of lines, a doorbell that publishes nothing."""

import hashlib
import math
from array import array
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from app.domain.documents import Page, Parsed
from app.domain.ids import TaskId
from app.domain.tasks import Bell
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

LENGTHS = {"old": 3, "new": 4, "third": 5}
"""The length of each model's vectors."""


async def do_nothing() -> None:
    """The default of ``meanwhile``."""


class Model:
    """A local model. ``texts`` are the texts that it embedded; it runs ``meanwhile`` before it answers."""

    provider = None

    def __init__(self, name: str) -> None:
        self.model = name
        self.texts: list[str] = []
        self.meanwhile: Callable[[], Awaitable[None]] = do_nothing

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """One batch."""
        return [TextBatch(0, len(texts))]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """A unit vector per text, different for different texts."""
        await self.meanwhile()
        self.texts += texts
        return EmbeddingResult([vector_of(self.model, words) for words in texts])

    async def close(self) -> None:
        """Nothing to close."""


class LineParser:
    """Reads text files. Each line becomes a page, and so a chunk."""

    async def parse(
        self,
        path: Path,
        media_type: str,  # noqa: ARG002 - part of the port
        on_page: Callable[[int, int], None] | None = None,  # noqa: ARG002 - part of the port
        *,
        address: str | None = None,  # noqa: ARG002 - part of the port
    ) -> Parsed:
        """Pages from 1."""
        lines = path.read_text().splitlines()  # noqa: ASYNC240 - a few bytes of a test
        return Parsed([Page(number, line) for number, line in enumerate(lines, 1)])


class SilentDoorbell:
    """A doorbell that accepts every message and publishes nothing."""

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Drop the messages."""

    def publish_state(
        self, task_id: TaskId, version: int, state: str, info: Any, *, reports_success: bool = False
    ) -> None:
        """Drop the state."""

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Do nothing: no client watches."""

    def publish_start(self, bell: Bell) -> None:
        """Discard the start."""

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Do nothing."""


def vector_of(model: str, words: str) -> Vector:
    """The vector that a model makes of a text."""
    digest = hashlib.sha256(f"{model}: {words}".encode()).digest()
    numbers = [byte - 127.5 for byte in digest[: LENGTHS[model]]]
    length = math.hypot(*numbers)
    return array("f", [number / length for number in numbers])
