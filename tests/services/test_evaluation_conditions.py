"""What two evaluations do not share is listed with both values."""

from dataclasses import replace
from datetime import UTC, datetime

from app.domain.evaluations import Evaluation
from app.services.evaluations.conditions import Difference, describe_reranker, list_differences

_RERANKER = {"provider": "local", "model": "judge", "candidates": 50}
_BEFORE = Evaluation(
    id=1,
    organization_id=1,
    agent_id=1,
    question_set_id=1,
    task_id=None,
    request={"questions": 3, "modes": ["text"], "top_k": 10, "ask": False, "filter": None, "reranker": None},
    index={"id": 1, "store": "pgvector", "provider": "local", "model": "wordllama", "dimensions": 256},
    settings={"chunk_size": 1000, "chunk_overlap": 200, "chunker": "sentence"},
    version="0.1.0",
    summary=None,
    created_at=datetime.now(UTC),
    completed_at=None,
)


class _Judge:
    """A reranker that is never called."""

    model = "judge"
    provider = None


def test_evaluations_under_the_same_conditions_have_no_difference() -> None:
    assert list_differences(_BEFORE, replace(_BEFORE, id=2, index={**_BEFORE.index, "id": 2})) == []


def test_a_reranker_a_model_a_chunk_size_and_a_version_are_named_with_both_values() -> None:
    after = replace(
        _BEFORE,
        request={**_BEFORE.request, "reranker": _RERANKER},
        index={**_BEFORE.index, "model": "minilm"},
        settings={**_BEFORE.settings, "chunk_size": 500},
        version="0.2.0",
    )
    assert list_differences(_BEFORE, after) == [
        Difference("index.model", "wordllama", "minilm"),
        Difference("reranker", None, _RERANKER),
        Difference("settings.chunk_size", 1000, 500),
        Difference("version", "0.1.0", "0.2.0"),
    ]


def test_an_evaluation_of_an_earlier_release_has_no_reranker() -> None:
    request = {name: value for name, value in _BEFORE.request.items() if name != "reranker"}
    assert list_differences(replace(_BEFORE, request=request), _BEFORE) == []


def test_the_reranker_is_described_by_its_provider_model_and_candidates() -> None:
    assert describe_reranker(_Judge(), 50) == _RERANKER  # type: ignore[arg-type]
    assert describe_reranker(None, 50) is None
