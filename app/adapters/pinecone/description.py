"""Checks that an index of Pinecone is one that Sluice can use."""

from pinecone.models.indexes.deployment import PodDeployment
from pinecone.models.indexes.index import IndexModel
from pinecone.models.vectors.responses import DescribeIndexStatsResponse

from app.domain.errors import ProviderDownError, StartupError

_DENSE_FIELD = "_values"
"""The field of the vectors, in an index that was made with a dimension and a metric instead of a schema."""


def check_description(description: IndexModel) -> None:
    """Check the kind of an index.

    Raises:
        StartupError: the index is of the wrong kind.
        ProviderDownError: the index is not ready yet.
    """
    if isinstance(description.deployment, PodDeployment):
        raise _make_error(description.name, "is pod-based; a serverless one is needed, whose ids can be listed")
    if _DENSE_FIELD not in description.schema.fields:
        raise _make_error(description.name, "has a schema of documents; one made with dimension and metric is needed")
    if not description.status.ready:
        raise ProviderDownError(f"Pinecone's index {description.name!r} is not ready ({description.status.state}).")


def get_host(description: IndexModel) -> str:
    """The host of an index.

    Raises:
        ProviderDownError: the index has no host yet.
    """
    if description.host is None:
        raise ProviderDownError(f"Pinecone's index {description.name!r} has no host yet.")
    return description.host


def check_stats(name: str, stats: DescribeIndexStatsResponse, dimensions: int | None) -> None:
    """Check the vectors of an index.

    Args:
        name: The name of Pinecone's index.
        stats: Its statistics.
        dimensions: The length of Sluice's vectors; None if it is not known yet.

    Raises:
        StartupError: the index is for other vectors.
    """
    if stats.dimension is None or stats.vector_type == "sparse":
        raise _make_error(name, "is for sparse vectors; one for dense vectors is needed")
    if stats.metric not in {None, "cosine"}:
        raise _make_error(name, f"has the metric {stats.metric}; cosine is needed")
    if dimensions not in {None, stats.dimension}:
        raise _make_error(name, f"has the dimension {stats.dimension}; {dimensions} is needed")


def describe_needed(dimensions: int | None) -> str:
    """Describe the index to create if there is none."""
    return f"a serverless index with the metric cosine and the dimension {dimensions or 'of the embedding model'}"


def _make_error(name: str, fault: str) -> StartupError:
    return StartupError(f"Pinecone's index {name!r} (PINECONE_INDEX, PINECONE_HOST) {fault}.")
