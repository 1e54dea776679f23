"""``docs/openapi.json`` is the description that the API serves."""

from app.api.openapi import DOCUMENT, render


def test_the_committed_description_of_the_api_is_current() -> None:
    assert DOCUMENT.read_text("utf-8") == render(), "run `make openapi` and commit docs/openapi.json"
