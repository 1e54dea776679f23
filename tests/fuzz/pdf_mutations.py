"""Mutations of the parts of a PDF: its numbers, names, references, streams and cross-reference table."""

import re
import zlib
from collections.abc import Callable
from random import Random

from tests.fuzz.bytes_mutations import NUMBERS

_NAMES = [
    *(
        b"/Type",
        b"/Pages",
        b"/Page",
        b"/Kids",
        b"/Count",
        b"/Parent",
        b"/Contents",
        b"/Resources",
        b"/Font",
        b"/Length",
    ),
    *(b"/Filter", b"/FlateDecode", b"/LZWDecode", b"/ObjStm", b"/XRef", b"/Encrypt", b"/Prev", b"/XRefStm", b"/Type3"),
    *(b"/ASCII85Decode", b"/RunLengthDecode", b"/CCITTFaxDecode", b"/JBIG2Decode", b"/DCTDecode", b"/JPXDecode"),
]


def mutate(random: Random, data: bytes) -> tuple[bytes, str]:
    """The file mutated, and how."""
    mutation = random.choice(_MUTATIONS)
    return mutation(random, data), mutation.__name__


def _replace(random: Random, data: bytes, pattern: bytes, make: Callable[[], bytes], most: int = 3) -> bytes:
    """Replace some of the matches."""
    for _ in range(random.randint(1, most)):
        if found := list(re.finditer(pattern, data)):
            start, end = random.choice(found).span()
            data = data[:start] + make() + data[end:]
    return data


def change_number(random: Random, data: bytes) -> bytes:
    """Unexpected numbers."""
    return _replace(random, data, rb"(?<= )\d+", lambda: b"%d" % random.choice(NUMBERS))


def change_reference(random: Random, data: bytes) -> bytes:
    """References to other objects, so that there are loops."""
    return _replace(random, data, rb"\d+ 0 R", lambda: b"%d 0 R" % random.randrange(1, 12))


def change_name(random: Random, data: bytes) -> bytes:
    """Names where other names belong."""
    return _replace(random, data, rb"/[A-Za-z0-9]+", lambda: random.choice(_NAMES))


def nest(random: Random, data: bytes) -> bytes:
    """Very deep nesting."""
    opening = random.choice((b"[", b"<<", b"(", b"<</A", b"q ", b"BT "))
    return _replace(random, data, rb"(?<=\n)", lambda: opening * random.choice((10, 1000, 50_000)), most=1)


def change_table(random: Random, data: bytes) -> bytes:
    """Offsets of objects that are others'."""
    return _replace(random, data, rb"\d{10} \d{5} [nf]", lambda: b"%010d 00000 n" % random.randrange(len(data)), most=5)


def pack_streams(random: Random, data: bytes) -> bytes:
    """Streams behind filters, damaged or not."""

    def pack(match: re.Match[bytes]) -> bytes:
        packed = bytearray(zlib.compress(match[1] * random.choice((1, 1, 500))))
        if random.random() < 0.5:
            packed[random.randrange(len(packed))] ^= 0xFF
        filters = random.choice((b"/FlateDecode", b"[/FlateDecode /FlateDecode]", b"[/FlateDecode /LZWDecode]"))
        return b"<< /Length %d /Filter %b >>\nstream\n%b\nendstream" % (len(packed), filters, bytes(packed))

    return re.sub(rb"<< /Length \d+ >>\nstream\n(.*?)\nendstream", pack, data, flags=re.DOTALL)


def double_objects(random: Random, data: bytes) -> bytes:
    """Objects given twice, the second time under another number."""
    objects = re.findall(rb"\d+ 0 obj.*?endobj\n", data, re.DOTALL)
    extra = b"".join(
        re.sub(rb"^\d+", b"%d" % random.randrange(1, 30), random.choice(objects))
        for _ in range(random.choice((1, 10, 500)) if objects else 0)
    )
    return data.replace(b"xref\n0", extra + b"xref\n0", 1)


def lose_table(random: Random, data: bytes) -> bytes:
    """No cross-reference table, so that readers must search for the objects."""
    return data[: data.rfind(random.choice((b"xref", b"trailer", b"startxref")))]


_MUTATIONS = (
    *(change_number, change_reference, change_name, nest, change_table, pack_streams, double_objects, lose_table),
)
