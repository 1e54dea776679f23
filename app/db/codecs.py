"""Binary codecs of ``halfvec`` and ``tsvector``, so that chunks can be written with a binary COPY.

The layouts are those of pgvector's ``halfvec_recv`` and PostgreSQL's ``tsvectorrecv``.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct, pack, unpack_from

import asyncpg
import numpy as np

from app.domain.vectors import Vector

_WEIGHT_AND_POSITION = 0x3FFF  # the upper two bits are the weight; 0 is D, the default
_PACK_POSITIONS = [Struct(f">xH{count}H").pack for count in range(256)]
"""By the number of positions: packs the NUL after a lexeme, that number and the positions."""


async def register(connection: asyncpg.Connection) -> None:
    """Register the codecs on a connection; the vector extension may be in any schema.

    Raises:
        ValueError: when the database lacks the vector extension.
    """
    schema = await connection.fetchval(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    )
    if schema is None:
        raise ValueError("the database lacks the vector extension")
    await connection.set_type_codec(
        "halfvec", schema=schema, encoder=encode_halfvec, decoder=decode_halfvec, format="binary"
    )
    await connection.set_type_codec(
        "tsvector", schema="pg_catalog", encoder=encode_tsvector, decoder=decode_tsvector, format="binary"
    )


def encode_halfvec(vector: Vector) -> bytes:
    """Encode as a count and an unused number (16 bits each), then half-precision numbers, all big-endian."""
    numbers = np.asarray(vector, dtype=">f2")
    return pack(">HH", len(numbers), 0) + numbers.tobytes()


def decode_halfvec(data: bytes) -> Vector:
    """The inverse of ``encode_halfvec``, as single-precision numbers."""
    return array("f", np.frombuffer(data, dtype=">f2", offset=4).astype(np.float32).tobytes())


class EncodedLexemes(Mapping[str, Sequence[int]]):
    """Lexemes as ``encode_tsvector`` wrote them, in another process for instance; decoded when they are read."""

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded

    def __getitem__(self, lexeme: str) -> Sequence[int]:
        return decode_tsvector(self.encoded)[lexeme]

    def __iter__(self) -> Iterator[str]:
        return iter(decode_tsvector(self.encoded))

    def __len__(self) -> int:
        return int(unpack_from(">i", self.encoded)[0])


def encode_tsvector(lexemes: Mapping[str, Sequence[int]]) -> bytes:
    """Encode as a count (32 bits), then each lexeme with a final NUL, the number of its positions, and the positions.

    Numbers of positions and positions have 16 bits each.

    Args:
        lexemes: The positions of each lexeme: ascending, from 1 to 16383, at most 255. All get the weight D.
    """
    if isinstance(lexemes, EncodedLexemes):
        return lexemes.encoded
    parts = [pack(">i", len(lexemes))]
    for lexeme, positions in sorted(lexemes.items()):  # by code point, which in UTF-8 is by byte: PostgreSQL's order
        parts.append(lexeme.encode())
        parts.append(_PACK_POSITIONS[len(positions)](len(positions), *positions))
    return b"".join(parts)


def decode_tsvector(data: bytes) -> dict[str, list[int]]:
    """The inverse of ``encode_tsvector``; weights are dropped."""
    (count,) = unpack_from(">i", data)
    lexemes: dict[str, list[int]] = {}
    place = 4
    for _ in range(count):
        end = data.index(b"\0", place)
        (length,) = unpack_from(">H", data, end + 1)
        positions = unpack_from(f">{length}H", data, end + 3)
        lexemes[data[place:end].decode()] = [position & _WEIGHT_AND_POSITION for position in positions]
        place = end + 3 + 2 * length
    return lexemes
