"""Mutations of the parts of a ZIP: its entries, their headers and its directory."""

import io
import warnings
import zipfile
from random import Random

from tests.fuzz import bytes_mutations, markup_mutations

_NAMES = [
    "../../out.txt",
    "/etc/out.txt",
    "C:\\out.txt",
    "a/" * 200,
    "x" * 5000,
    "",
    ".",
    "\u202egpj.txt",
    "a\x01b",
    "mimetype",
]
_WAYS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# Offset and width of the fields to falsify: flags, compression method, checksum, both sizes, lengths, offset.
_FIELDS = {
    b"PK\x01\x02": ((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)),
    b"PK\x03\x04": ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x05\x06": ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}


def mutate(random: Random, data: bytes) -> tuple[bytes, str]:
    """The file mutated, and how."""
    mutation = random.choice(_MUTATIONS)
    return mutation(random, data), mutation.__name__


def _unpack(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def _pack(members: list[tuple[str, bytes]], ways: list[int]) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # two entries of the same name are intended
        for (name, content), way in zip(members, ways, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content, way)
    return stream.getvalue()


def change_members(random: Random, data: bytes) -> bytes:
    """Mutate the content of some entries, and pack them correctly."""
    members = _unpack(data)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(members))
        name, content = members[place]
        if name.endswith((".xml", ".rels", ".html", ".xhtml", ".opf")) and random.random() < 0.7:
            content, _ = markup_mutations.mutate(random, content)
        else:
            content = random.choice(bytes_mutations.MUTATIONS)(random, content)
        members[place] = name, content
    return _pack(members, [zipfile.ZIP_DEFLATED] * len(members))


def shuffle_members(random: Random, data: bytes) -> bytes:
    """Entries removed, doubled, renamed, reordered, or with another compression method."""
    members = [member for member in _unpack(data) for _ in range(random.choice((0, 1, 1, 1, 1, 2)))]
    if members and random.random() < 0.5:
        place = random.randrange(len(members))
        members[place] = random.choice([*_NAMES, random.choice(members)[0]]), members[place][1]
    if random.random() < 0.5:
        random.shuffle(members)
    return _pack(members, [random.choice(_WAYS) for _ in members])


def lie(random: Random, data: bytes) -> bytes:
    """False headers: sizes, checksums, offsets, compression, encryption."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        mark = random.choice(list(_FIELDS))
        places = [at for at in range(len(data)) if data.startswith(mark, at)]
        offset, width = random.choice(_FIELDS[mark])
        if places:
            at = random.choice(places) + offset
            number = random.choice((*bytes_mutations.NUMBERS, 9, 12, 14, 93, 99)) % 256**width
            changed[at : at + width] = number.to_bytes(width, "little")
    return bytes(changed)


def bury(random: Random, data: bytes) -> bytes:
    """Bytes before or after the archive, or the archive in itself."""
    before, after = random.randbytes(random.choice((0, 10, 3000))), random.randbytes(random.choice((0, 10, 70_000)))
    inner = _pack([("inner.zip", data), ("again.zip", data)], [zipfile.ZIP_STORED] * 2)
    return random.choice((data, inner)) + after if random.random() < 0.7 else before + data


_MUTATIONS = (change_members, change_members, shuffle_members, lie, lie, bury)
