"""Mutations of bytes, whatever the format."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

_REPEATED_BYTES = 200_000
NUMBERS = (0, 1, -1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1)
"""Unexpected values of counts and sizes."""


def _span(random: Random, data: bytes, most: int = 2000) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randint(1, most))


def flip_bits(random: Random, data: bytes) -> bytes:
    """Flip a few bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 3, 20, 200)) if data else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def truncate(random: Random, data: bytes) -> bytes:
    """Cut off the end, or the beginning."""
    at = random.randrange(len(data) + 1)
    return data[:at] if random.random() < 0.8 else data[at:]


def insert_noise(random: Random, data: bytes) -> bytes:
    """Insert random bytes."""
    at, _ = _span(random, data)
    return data[:at] + random.randbytes(random.choice((1, 4, 100, 5000))) + data[at:]


def repeat_block(random: Random, data: bytes) -> bytes:
    """Repeat a part, up to very often."""
    start, end = _span(random, data)
    times = min(random.choice((1, 2, 50, 5000)), _REPEATED_BYTES // max(1, end - start))
    return data[:end] + data[start:end] * times + data[end:]


def zero_block(random: Random, data: bytes) -> bytes:
    """Overwrite a part with one byte."""
    start, end = _span(random, data)
    return data[:start] + bytes([random.choice((0, 0x20, 0xFF))]) * (end - start) + data[end:]


def drop_block(random: Random, data: bytes) -> bytes:
    """Leave a part out."""
    start, end = _span(random, data)
    return data[:start] + data[end:]


def swap_blocks(random: Random, data: bytes) -> bytes:
    """Exchange two parts."""
    a, b, c = sorted(random.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def write_number(random: Random, data: bytes) -> bytes:
    """Overwrite four bytes with an unexpected number."""
    if len(data) < 4:
        return data
    at = random.randrange(len(data) - 3)
    number = random.choice(NUMBERS) & 0xFFFFFFFF
    return data[:at] + number.to_bytes(4, random.choice(("little", "big"))) + data[at + 4 :]


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, truncate, insert_noise, repeat_block, zero_block, drop_block, swap_blocks, write_number),
)
