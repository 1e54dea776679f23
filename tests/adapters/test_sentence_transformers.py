"""The sentence-transformers embedder, beyond the contract of every embedder (test_embedder.py)."""

from pathlib import Path

import pytest

from app.adapters.embedders.sentence_transformers import SentenceTransformersEmbedder
from app.domain.errors import StartupError


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="make extras EXTRAS=sentence-transformers"):
        SentenceTransformersEmbedder("a-model")


def test_the_name_that_was_given_is_the_name_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: object())
    assert SentenceTransformersEmbedder("/models/one-of-ours").model == "/models/one-of-ours"


async def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(StartupError, match=str(tmp_path)):
        await SentenceTransformersEmbedder(str(tmp_path)).embed(["a gate"])
