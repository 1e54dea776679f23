"""The embedding models, the language model and the reranker that the settings choose."""

from app.adapters.embedders.minilm import MiniLmEmbedder
from app.adapters.embedders.multilingual import MultilingualEmbedder
from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.packages import optional_imports
from app.adapters.rerank.cross_encoder import CrossEncoder
from app.adapters.rerank.server import RerankServer
from app.domain.errors import StartupError
from app.domain.ports import ChatModel, Embedder, Reranker
from app.domain.vectors import EmbeddingSpec
from app.settings import HOME, Settings, reveal

WORDLLAMA = "wordllama"
_LOCAL = (WORDLLAMA, "minilm", "multilingual")


def describe_embedding(settings: Settings) -> EmbeddingSpec:
    """The embedding model that the settings ask for.

    Raises:
        StartupError: when there is no such model.
    """
    provider, model = settings.embedding_provider, settings.embedding_model
    if provider == "openai":
        return EmbeddingSpec(
            provider, settings.openai_embedding_model, requested_dimensions=settings.openai_embedding_dimensions
        )
    if provider == "sentence-transformers":
        return EmbeddingSpec(provider, model or "all-MiniLM-L6-v2")
    if model not in {None, *_LOCAL}:
        raise StartupError(f"EMBEDDING_MODEL: must be one of {', '.join(_LOCAL)} (got {model!r})")
    return EmbeddingSpec(provider, model or _LOCAL[0])


class Embedders:
    """The embedding models of this process, each loaded once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._embedders: dict[tuple[str, str, int | None], Embedder] = {}

    def __call__(self, spec: EmbeddingSpec) -> Embedder:
        """The embedder of a spec.

        Raises:
            StartupError: when its key or its package is missing.
        """
        key = (spec.provider, spec.model, spec.requested_dimensions)
        if key not in self._embedders:
            self._embedders[key] = _make_embedder(self._settings, spec)
        return self._embedders[key]

    async def close(self) -> None:
        """Close all connections."""
        for embedder in self._embedders.values():
            await embedder.close()


def _make_embedder(settings: Settings, spec: EmbeddingSpec) -> Embedder:
    if spec.provider == "openai":
        return _make_openai_embedder(settings, spec)
    if spec.provider == "sentence-transformers":
        from app.adapters.embedders.sentence_transformers import SentenceTransformersEmbedder  # noqa: PLC0415 - an extra

        return SentenceTransformersEmbedder(spec.model)
    if spec.model == "minilm":
        return MiniLmEmbedder(settings.minilm_path)
    if spec.model == "multilingual":
        return MultilingualEmbedder()
    return WordLlamaEmbedder()


def _make_openai_embedder(settings: Settings, spec: EmbeddingSpec) -> Embedder:
    key = _find_openai_key(settings, "EMBEDDING_PROVIDER=openai")
    with optional_imports("EMBEDDING_PROVIDER=openai"):
        from app.adapters.openai.embeddings import OpenAIEmbedder  # noqa: PLC0415 - an extra
    return OpenAIEmbedder(
        api_key=key,
        base_url=settings.openai_base_url,
        model=spec.model,
        dimensions=spec.requested_dimensions,
        time_limit=settings.openai_time_limit,
        texts=settings.openai_embedding_batch,
    )


def choose_chat(settings: Settings) -> ChatModel | None:
    """The language model that writes answers; None when the settings name none.

    Raises:
        StartupError: when its key or its package is missing.
    """
    if settings.openai_chat_model is None:
        return None
    key = _find_openai_key(settings, "OPENAI_CHAT_MODEL")
    with optional_imports("OPENAI_CHAT_MODEL"):
        from app.adapters.openai.chat import OpenAIChat  # noqa: PLC0415 - an extra
    return OpenAIChat(
        api_key=key,
        base_url=settings.openai_base_url,
        model=settings.openai_chat_model,
        time_limit=settings.openai_time_limit,
    )


def choose_reranker(settings: Settings) -> Reranker | None:
    """The reranker: a server, or a model in a folder; None when the settings name none.

    Raises:
        StartupError: when the folder or a package is missing, or a setting lacks the one that it belongs to.
    """
    if settings.rerank_url is not None:
        return RerankServer(
            url=settings.rerank_url,
            api_key=reveal(settings.rerank_api_key),
            model=settings.rerank_model,
            time_limit=settings.rerank_time_limit,
        )
    if settings.rerank_api_key is not None:
        raise StartupError("RERANK_API_KEY needs RERANK_URL.")
    if settings.rerank_model is None:
        return None
    folder = HOME / settings.rerank_model
    if not folder.is_dir():
        raise StartupError(
            "RERANK_MODEL must be a folder with a model, or the name of one of the server in RERANK_URL."
        )
    return CrossEncoder(folder)


def _find_openai_key(settings: Settings, what: str) -> str | None:
    """OpenAI's key; other services of the same API may work without one.

    Raises:
        StartupError: when neither a key nor the URL of another service is set.
    """
    if settings.openai_api_key is None and settings.openai_base_url is None:
        raise StartupError(f"{what} needs OPENAI_API_KEY.")
    return reveal(settings.openai_api_key)
