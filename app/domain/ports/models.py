"""Those who make vectors and answers, and what keeps to their limits."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.vectors import Completion, EmbeddingResult, TextBatch


class Embedder(Protocol):
    """Turns texts into unit vectors of one fixed length.

    One that computes here is made before a fork, and what it can share then, all processes share. One that asks a
    provider names it, and is asked through ``app.services.providers.calls`` only, which keeps to the provider's limits.
    """

    @property
    def model(self) -> str:
        """The model's name as recorded with documents and cached vectors, such as ``wordllama-l2-256``."""

    @property
    def provider(self) -> str | None:
        """Who is asked over a network, such as ``openai-embeddings``; None for a model that computes here."""

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """How to share the texts among calls of ``embed``, in order and without gaps."""

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """One vector a text, in order: one request, of one batch. CPU-bound adapters work off the event loop.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError: from a provider.
            StartupError: when the model's files are missing or wrong.
        """

    async def close(self) -> None:
        """Let go of connections."""


class ChatModel(Protocol):
    """A language model behind a provider."""

    @property
    def model(self) -> str:
        """The model's name as recorded with usage."""

    @property
    def provider(self) -> str:
        """Who is asked, such as ``openai-chat``."""

    def count_tokens(self, text: str) -> int:
        """About how many tokens a text has."""

    async def complete(self, instructions: str, question: str, *, max_tokens: int) -> Completion:
        """Have ``question`` answered as ``instructions`` say.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError
        """

    async def close(self) -> None:
        """Let go of connections."""


class RateLimiter(Protocol):
    """Counts what all processes ask of a provider."""

    async def acquire(self, provider: str, tokens: int) -> float:
        """Take room for one request of so many tokens.

        Returns 0 where there was room, else the seconds after which to ask again: then nothing was taken. More
        tokens than a minute allows at all count as a whole minute's.

        Raises:
            ProviderBusyError: when the count cannot be reached; nobody may be asked uncounted.
        """

    async def close(self) -> None:
        """Let go of connections."""
