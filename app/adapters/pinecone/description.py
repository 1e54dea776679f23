"""Whether an index of Pinecone is one that Sluice can use."""

from pinecone.models.indexes.deployment import PodDeployment
from pinecone.models.indexes.index import IndexModel
from pinecone.models.vectors.responses import DescribeIndexStatsResponse

from app.domain.errors import ProviderDownError, StartupError

_DENSE_FIELD = "_values"
"""What Pinecone calls the vectors of an index that was made with a dimension and a metric, and not with a schema."""


def check_description(description: IndexModel) -> None:
    """Look at what Pinecone says of the index's kind.

    Raises:
        StartupError: when it is of the wrong kind.
        ProviderDownError: when it is not ready yet.
    """
    if isinstance(description.deployment, PodDeployment):
        raise _make_misfit(description.name, "is pod-based; a serverless one is needed, whose ids can be listed")
    if _DENSE_FIELD not in description.schema.fields:
        raise _make_misfit(description.name, "has a schema of documents; one made with dimension and metric is needed")
    if not description.status.ready:
        raise ProviderDownError(f"Pinecone's index {description.name!r} is not ready ({description.status.state}).")


def get_host(description: IndexModel) -> str:
    """Where an index is.

    Raises:
        ProviderDownError: when it is nowhere yet.
    """
    if description.host is None:
        raise ProviderDownError(f"Pinecone's index {description.name!r} has no host yet.")
    return description.host


def check_stats(name: str, stats: DescribeIndexStatsResponse, dimensions: int | None) -> None:
    """Look at what the index says of its vectors.

    Args:
        name: Of Pinecone's index.
        stats: Its answer.
        dimensions: Numbers a vector; None: nobody knows yet.

    Raises:
        StartupError: when it is for other vectors.
    """
    if stats.dimension is None or stats.vector_type == "sparse":
        raise _make_misfit(name, "is for sparse vectors; one for dense vectors is needed")
    if stats.metric not in {None, "cosine"}:
        raise _make_misfit(name, f"has the metric {stats.metric}; cosine is needed")
    if dimensions not in {None, stats.dimension}:
        raise _make_misfit(name, f"has the dimension {stats.dimension}; {dimensions} is needed")


def describe_needed(dimensions: int | None) -> str:
    """What to make where there is no index."""
    return f"a serverless one with the metric cosine and the dimension {dimensions or 'of the embedding model'}"


def _make_misfit(name: str, fault: str) -> StartupError:
    return StartupError(f"Pinecone's index {name!r} (PINECONE_INDEX, PINECONE_HOST) {fault}.")
