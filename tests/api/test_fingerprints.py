"""Two bodies have the same fingerprint if they are equal or differ only in their boundary."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.api.fingerprints import BodyHash, FingerprintedBody, find_boundary
from app.domain.idempotency import Fingerprint

PIECES = st.lists(st.sampled_from([b"\r\n", b"--", b"-", b"a", b"ab", b"\r\n--a", b"\r", b"heron"]), max_size=12)


def fingerprint(chunks: Iterable[bytes], boundary: str | None = None) -> Fingerprint:
    taken = BodyHash(boundary)
    for chunk in chunks:
        taken.update(chunk)
    return taken.finish()


def form(boundary: str, *values: bytes) -> bytes:
    delimiter = f"--{boundary}".encode()
    parts = [delimiter + b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + value + b"\r\n" for value in values]
    return b"".join(parts) + delimiter + b"--\r\n"


@given(PIECES, st.sampled_from([None, "a", "ab", "a\r\n--a"]))
def test_it_does_not_matter_how_a_body_is_cut_into_chunks(pieces: list[bytes], boundary: str | None) -> None:
    assert fingerprint(pieces, boundary) == fingerprint([b"".join(pieces)], boundary)


@given(st.lists(st.binary(max_size=40), max_size=4), st.integers(1, 9))
def test_the_boundary_does_not_count_wherever_a_chunk_ends(values: list[bytes], size: int) -> None:
    one, other = form("q7-boundary-of-one", *values), form("another", *values)
    chunks = [one[start : start + size] for start in range(0, len(one), size)]
    assert fingerprint(chunks, "q7-boundary-of-one") == fingerprint([other], "another")


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_what_a_form_holds_counts(values: list[bytes], others: list[bytes]) -> None:
    one, other = form("q7-boundary", *values), form("q7-boundary", *others)
    assert (fingerprint([one], "q7-boundary") == fingerprint([other], "q7-boundary")) == (values == others)


def test_letters_of_a_short_boundary_count_within_a_part() -> None:
    assert fingerprint([form("x", b"text")], "x") != fingerprint([form("x", b"tet")], "x")
    assert fingerprint([form("x", b"--x")], "x") != fingerprint([form("x", b"--")], "x")


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/form-data; boundary="a b"', "a b"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=abc", "abc"),
        ("application/json; boundary=abc", None),
        ("multipart/form-data", None),
        ("", None),
    ],
)
def test_only_a_multipart_type_names_a_boundary(content_type: str, boundary: str | None) -> None:
    assert find_boundary(content_type) == boundary


async def read(events: list[Message], limit: int = 10) -> Fingerprint | None:
    left = iter(events)

    async def receive() -> Message:
        return next(left)

    return await FingerprintedBody(receive, "text/plain").finish(limit)


def chunk(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_breaks_off_or_does_not_end_has_no_fingerprint() -> None:
    assert await read([chunk(b"he", more=True), chunk(b"ron", more=False)]) == fingerprint([b"heron"])
    assert await read([chunk(b"he", more=True), {"type": "http.disconnect"}]) is None
    assert await read([chunk(b"heron ", more=True)] * 2) is None
