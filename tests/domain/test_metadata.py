"""Metadata that a file or a page states about itself is trimmed until it can be stored."""

from typing import Any

import pytest

from app.domain.metadata import MAX_BYTES, check_metadata, is_deeper, trim_metadata


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("depth", [1, 2, 16, 5000])
def test_the_depth_of_any_value_can_be_checked(depth: int) -> None:
    assert not is_deeper(nest(depth), depth)
    assert is_deeper(nest(depth), depth - 1)


def test_a_field_that_cannot_be_stored_is_left_out_and_text_is_cleaned() -> None:
    found = {
        "title": "On\0 herons\ud800",
        "deep": nest(100),
        "infinite": float("inf"),
        "huge": 10**400,
        "bytes": b"x",
        "\0author": ["A. Weir"],
    }
    trimmed = trim_metadata(found)
    assert trimmed == {"title": "On herons", "author": ["A. Weir"]}
    assert check_metadata(trimmed) == trimmed


def test_fields_beyond_the_size_limit_are_left_out() -> None:
    trimmed = trim_metadata({f"key{number}": "x" * 10_000 for number in range(100)})
    assert 10 < len(trimmed) < 17
    assert len(str(trimmed)) < MAX_BYTES
