"""Ports of embedding models, language models, rerankers and rate limits."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from app.domain.vectors import Completion, EmbeddingResult, IndexedBatch, Relevance, TextBatch

OnText = Callable[[str], Awaitable[None]]
"""Receives the next piece of a text."""


class Embedder(Protocol):
    """Turns texts into unit vectors of one fixed length.

    A local model is loaded before the process forks, so that all processes share its memory. An embedder of a remote
    provider names that provider; only ``app.services.providers.calls`` calls it, which keeps the provider's limits.
    """

    @property
    def model(self) -> str:
        """The model's name as recorded with documents and cached vectors, such as ``wordllama-l2-256``."""

    @property
    def provider(self) -> str | None:
        """The remote provider, such as ``openai-embeddings``; None for a local model."""

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Split the texts into one batch per call of ``embed``, in order and without gaps."""

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Embed one batch in one request; one vector per text, in order. CPU-bound adapters work in a thread.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError: from a provider.
            StartupError: when the model's files are missing or wrong.
        """

    async def close(self) -> None:
        """Close connections."""


class BatchIndexer(Protocol):
    """Makes the words and vectors of batches of texts outside this process, on several cores at once."""

    @property
    def models(self) -> Collection[str]:
        """The names of the models whose vectors it makes."""

    async def index(self, name: str, texts: Sequence[str], *, model: str | None) -> IndexedBatch:
        """Make the words of texts, each together with those of ``name``, and the vectors of the texts.

        ``model`` is one of ``models``; None for words only. Cancelling this ends the work at once.

        Raises:
            ServiceUnavailableError: when the process that does it ended, or is ended with this one.
        """

    async def close(self) -> None:
        """End its processes."""


class ChatModel(Protocol):
    """A language model behind a provider."""

    @property
    def model(self) -> str:
        """The model's name as recorded with usage."""

    @property
    def provider(self) -> str:
        """The remote provider, such as ``openai-chat``."""

    def count_tokens(self, text: str) -> int:
        """The approximate number of tokens of a text."""

    async def complete(
        self, instructions: str, question: str, *, max_tokens: int, on_text: OnText | None = None
    ) -> Completion:
        """Answer ``question`` as ``instructions`` say, in at most ``max_tokens`` tokens.

        With ``on_text``, the answer is passed on in pieces as it arrives, or in one piece if the provider sends it
        whole. Its errors pass through, and end the request.

        Raises:
            ProviderContextError: the request is longer than the model's context.
            ProviderRefusedError, ProviderFilteredError: there is no answer, though a piece of one may have arrived.
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError
        """

    async def close(self) -> None:
        """Close connections."""


class Reranker(Protocol):
    """A model that reads a query together with a text and says how well the text answers it."""

    @property
    def model(self) -> str:
        """The model's name as recorded with usage."""

    @property
    def provider(self) -> str | None:
        """The remote provider, such as ``rerank``; None for a local model."""

    @property
    def batch_size(self) -> int:
        """The largest number of texts that one call of ``score`` takes."""

    async def score(self, query: str, texts: Sequence[str]) -> Relevance:
        """Score the texts in one request: higher is better, and the scores of several requests compare.

        Raises:
            ProviderBusyError, ProviderDownError, ProviderCredentialsError, ProviderRequestError: from a provider.
            StartupError: when the model's files cannot be read.
        """

    async def close(self) -> None:
        """Close connections."""


class RateLimiter(Protocol):
    """Counts the requests and tokens of all processes per provider."""

    async def acquire(self, provider: str, tokens: int) -> float:
        """Reserve capacity for one request of so many tokens.

        Returns 0 if the capacity was reserved, else the seconds after which to try again. A request with more tokens
        than the limit per minute counts as a full minute.

        Raises:
            ProviderBusyError: when the counter is unreachable, since no request may be sent uncounted.
        """

    async def close(self) -> None:
        """Close connections."""
