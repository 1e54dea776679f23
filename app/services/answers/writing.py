"""One answer of a language model while it arrives: its text becomes checked sentences, which are released at once."""

import asyncio
from collections.abc import Sequence

from app.db.search.ranking import Hit
from app.pipeline.answering.citation import Citer, Sentence
from app.pipeline.answering.prompt import Passage
from app.pipeline.answering.quotes import Similarity
from app.pipeline.answering.segments import Segments
from app.pipeline.answering.visible import VisibleText
from app.services.answers.references import make_sentence
from app.services.answers.streams import SentenceSink


class AnswerTooLongError(Exception):
    """The answer exceeds its limit: the provider ignores the number of tokens that it was given."""


class Writing:
    """Receives the text of an answer in pieces.

    Args:
        question: The question that the model received.
        passages: The passages that it received, in the order of ``hits``.
        hits: The hits of the search.
        sink: Receives the sentences.
        similarity: Cosines by a local model; None where there is none.
        longest: The largest number of characters, reasoning included.
    """

    def __init__(
        self,
        question: str,
        passages: Sequence[Passage],
        hits: Sequence[Hit],
        sink: SentenceSink,
        *,
        similarity: Similarity | None,
        longest: int,
    ) -> None:
        self.question = question
        self.passages = passages
        self._hits = hits
        self._sink = sink
        self._similarity = similarity
        self._longest = longest
        self._visible = VisibleText()
        self.received = ""
        self._begin()

    def _begin(self) -> None:
        self.citer = Citer(self.passages, self.question, self._similarity)
        self._segments = Segments()
        self._has_sent = self.has_text = False

    async def receive(self, piece: str) -> None:
        """Read the next piece of the model's text.

        Raises:
            AnswerTooLongError: the answer exceeds its limit.
            AttemptLostError: when the task was cancelled, or another attempt has it.
        """
        piece = piece[: self._longest]  # an answer that does not stream is one piece
        self.received += piece[: self._longest - len(self.received)]
        restarts = self._visible.restarts
        shown = self._visible.feed(piece)
        if self._visible.restarts > restarts:
            await self.withdraw()
        await self._add(self._segments.feed(shown), shown)
        if len(self.received) >= self._longest:
            raise AnswerTooLongError

    async def end(self) -> None:
        """Read what was held back. Errors as for ``receive``."""
        shown = self._visible.end()
        await self._add(self._segments.feed(shown) + self._segments.end(), shown)

    async def withdraw(self) -> None:
        """Begin again: what was received so far is no part of the answer."""
        if self._has_sent:
            await self._sink.restart()
        self._begin()

    async def _add(self, segments: Sequence[str], shown: str) -> None:
        self.has_text = self.has_text or bool(shown.strip())
        for segment in segments:
            # Checking takes milliseconds, with a local model also some hundredths of a second.
            released: list[Sentence] = await asyncio.to_thread(self.citer.add, segment)
            if released:
                self._has_sent = True
                cited = [make_sentence(sentence.text, sentence.citations, self._hits) for sentence in released]
                await self._sink.send(cited)
