"""The conditions of evaluations: what their figures depend on, apart from the questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.evaluations import Evaluation
from app.domain.ports import Reranker

_LOCAL = "local"
_INDEX = ("store", "provider", "model", "dimensions")
_REQUEST = ("top_k", "ask", "filter", "reranker")


@dataclass(frozen=True, slots=True)
class Difference:
    """A condition that two evaluations do not share. None stands for no value."""

    name: str
    before: Any
    after: Any


def describe_reranker(reranker: Reranker | None, candidates: int) -> dict[str, Any] | None:
    """What an evaluation records of the installation's reranker; None where there is none.

    ``candidates`` is the number of hits that it reads.
    """
    if reranker is None:
        return None
    return {"provider": reranker.provider or _LOCAL, "model": reranker.model, "candidates": candidates}


def list_differences(before: Evaluation, after: Evaluation) -> list[Difference]:
    """The conditions that differ: what else than chance may explain a change."""
    old, new = _list_conditions(before), _list_conditions(after)
    return [
        Difference(name, old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _list_conditions(evaluation: Evaluation) -> Mapping[str, Any]:
    index = {f"index.{name}": evaluation.index.get(name) for name in _INDEX}
    settings = {f"settings.{name}": value for name, value in evaluation.settings.items()}
    # Evaluations of earlier releases have no reranker in their request.
    request = {name: evaluation.request.get(name) for name in _REQUEST}
    return {**index, **settings, **request, "version": evaluation.version}
