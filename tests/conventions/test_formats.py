"""Every document type has a reader, a description in docs/parsing.md and a sample for the fuzz runs."""

from pathlib import Path

from app.domain import media
from app.pipeline.parse import _READERS
from tests.fuzz.seeds import make_seeds

_DESCRIPTION = (Path(__file__).parents[2] / "docs" / "parsing.md").read_text()
_NAMES = {value: name for name, value in vars(media).items() if name.isupper() and isinstance(value, str)}
"""The name of each media type's constant."""
_DESCRIBED_AS = {media.TEXT: "plain text", media.SOURCE: "source code", media.SEVENZIP: "7-zip"}
"""The types that have another name in docs/parsing.md than their constant's."""
_WITHOUT_SEED = {"text.source"}
"""The readers that need no sample: this one returns the decoded text unchanged, like the reader of plain text."""


def test_every_media_type_is_a_document_or_an_archive() -> None:
    assert set(_NAMES) == {*media.SUPPORTED, *media.ARCHIVES}


def test_every_document_type_has_a_reader() -> None:
    assert set(_READERS) == set(media.SUPPORTED)


def test_every_type_is_described() -> None:
    described = _DESCRIPTION.lower()
    assert [name for kind, name in _NAMES.items() if _DESCRIBED_AS.get(kind, name).lower() not in described] == []


def test_every_reader_has_a_sample_that_the_fuzz_runs_mutate() -> None:
    seeds = make_seeds(None)
    seeded = {
        reader
        for kind, reader in _READERS.items()
        if any(suffix.removeprefix(".") in seeds for suffix in media.SUPPORTED[kind])
    }
    assert set(_READERS.values()) - seeded == _WITHOUT_SEED
