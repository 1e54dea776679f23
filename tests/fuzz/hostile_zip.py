"""Archives with expansion, deep nesting and false declarations."""

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Sequence
from functools import partial

from tests.flows.zips import encrypt, make_zip
from tests.fuzz.case import Source

_TEXT = b"The heron of the lock waits for the barge."
_MEGABYTE = bytes(1024 * 1024)


def make() -> dict[str, Source]:
    """The files by their tricks."""
    return {**_make_bombs(), **_make_nests(), **_make_names(), **_make_lies(), **_make_structures()}


def _bomb(way: int, megabytes: int, members: int = 1) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", way) as archive:
        for number in range(members):
            with archive.open(f"{number}.txt", "w") as file:
                for _ in range(megabytes):
                    file.write(_MEGABYTE)
        archive.writestr("good.txt", _TEXT)
    return stream.getvalue()


def _make_bombs() -> dict[str, Source]:
    return {
        "bomb by deflate": partial(_bomb, zipfile.ZIP_DEFLATED, 100),
        "bomb by bzip2": partial(_bomb, zipfile.ZIP_BZIP2, 250),
        "bomb by LZMA": partial(_bomb, zipfile.ZIP_LZMA, 20),
        "many members, each below the limit": partial(_bomb, zipfile.ZIP_DEFLATED, 1, 60),
        "members that share their bytes": _overlap(300),
        "bombs that are documents": make_zip({f"{n}.html": b"<p>" + b"x" * 900_000 for n in range(5)}),
    }


def _overlap(members: int) -> bytes:
    """Every entry of the directory refers to the same bytes of the file (D. Fifield, A better zip bomb, 2019)."""
    one = make_zip({"a.txt": b"x" * 900_000})
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    entry = one[start:end]
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, members, members, len(entry) * members, start, 0)
    return one[:start] + entry * members + tail


def _nest(depth: int, copies: int, innermost: bytes) -> bytes:
    data = innermost
    for _ in range(depth):
        data = make_zip({f"{n}.zip": data for n in range(copies)})
    return data


def _nest_bombs(depth: int, copies: int, way: int, megabytes: int, members: int = 1) -> bytes:
    return _nest(depth, copies, _bomb(way, megabytes, members))


def _make_nests() -> dict[str, Source]:
    return {
        "twelve deep": _nest(12, 1, make_zip({"a.txt": _TEXT})),
        "two deep, sixteen wide": _nest(2, 16, make_zip({"a.txt": _TEXT})),
        "two deep, eight wide, bombs": partial(_nest_bombs, 1, 8, zipfile.ZIP_DEFLATED, 1, 20),
        "nested bzip2 bombs": partial(_nest_bombs, 2, 2, zipfile.ZIP_BZIP2, 50),
        "nested nothing": _nest(2, 30, make_zip({})),
        "nested noise": make_zip({f"{n}.zip": b"PK\x03\x04" + bytes([n]) * 500 for n in range(30)}),
        "nested and cut off": make_zip({"a.zip": make_zip({"a.txt": _TEXT})[:-30], "b.txt": _TEXT}),
    }


def _make_names() -> dict[str, Source]:
    names = [
        *("../../../etc/passwd", "/etc/passwd", "C:\\Windows\\a.txt", "..\\..\\a.txt", "a/../../b.txt", "//host/a.txt"),
        *("", ".", "..", "a\x07b.txt", "\u202etxt.exe", "x" * 60_000, "a/" * 20_000 + "b", "CON", "a.txt:stream"),
    ]
    surrogate = make_zip({"aaaa.txt": _TEXT}).replace(b"aaaa.txt", b"\xed\xa0\x80\x00.txt")
    return {
        "names that lead out": make_zip(dict.fromkeys(names, _TEXT)),
        "names of two hundred times the same": _repeat("a.txt", 190),
        "names of half a character": surrogate,
        "names that say they are UTF-8": _set_fields(surrogate, {b"PK\x01\x02": (8, 0x800), b"PK\x03\x04": (6, 0x800)}),
        "links": _link("/etc/passwd"),
        "folders and nothing": make_zip({f"{n}/": b"" for n in range(150)}),
        "left behind and nothing": make_zip({"__MACOSX/a": b"x", ".DS_Store": b"x"}),
        "a member more than allowed": make_zip({f"{n}.txt": b"%d" % n for n in range(201)}),
        "three thousand members": _many(3_000),
    }


def _repeat(name: str, times: int) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")
        for number in range(times):
            archive.writestr(name, b"%d %b" % (number % 20, _TEXT))
    return stream.getvalue()


def _many(members: int) -> bytes:
    return make_zip({f"{number}": b"" for number in range(members)})


def _link(target: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("link.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return stream.getvalue()


def _set_fields(data: bytes, fields: dict[bytes, tuple[int, int]], width: int = 2) -> bytes:
    changed = bytearray(data)
    for mark, (offset, number) in fields.items():
        at = data.find(mark)
        while at >= 0:
            changed[at + offset : at + offset + width] = number.to_bytes(width, "little")
            at = data.find(mark, at + 4)
    return bytes(changed)


def _make_lies() -> dict[str, bytes]:
    good = make_zip({"a.txt": _TEXT * 50, "b.txt": _TEXT})
    central, local = b"PK\x01\x02", b"PK\x03\x04"
    lies: Sequence[tuple[str, int, int | None, int, int]] = [
        ("size of nothing", 24, 22, 0, 4),
        ("size of four thousand million", 24, 22, 2**32 - 1, 4),
        ("packed size of nothing", 20, 18, 0, 4),
        ("packed size of four thousand million", 20, 18, 2**32 - 2, 4),
        ("another checksum", 16, 14, 1, 4),
        ("another way of packing", 10, 8, 12, 2),
        ("a way of packing that is none", 10, 8, 9999, 2),
        ("a place beyond the end", 42, None, 2**31, 4),
        ("a place within itself", 42, None, 5, 4),
        ("an extra field that is not there", 30, None, 60_000, 2),
        ("a name as long as the file", 28, 26, 65_535, 2),
        ("encryption, strong", 8, 6, 0x41, 2),
    ]
    return {
        f"lies of {title}": _set_fields(
            good, {central: (at, number), **({local: (local_at, number)} if local_at else {})}, width
        )
        for title, at, local_at, number, width in lies
    }


def _make_structures() -> dict[str, bytes]:
    good = make_zip({"a.txt": _TEXT})
    end = good.index(b"PK\x05\x06")
    return {
        "nothing but an end": b"PK\x05\x06" + bytes(18),
        "an end and noise": b"PK\x05\x06" + b"\xff" * 18,
        "more members than there are": _set_fields(good, {b"PK\x05\x06": (10, 60_000)}),
        "directory before the beginning": _set_fields(good, {b"PK\x05\x06": (16, 2**31)}, 4),
        "directory of four thousand million": _set_fields(good, {b"PK\x05\x06": (12, 2**32 - 1)}, 4),
        "a second disk": _set_fields(good, {b"PK\x05\x06": (4, 7)}),
        "sizes of 64 bits, all lies": good[:end]
        + struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**63, 2**63, 2**63, 2**63)
        + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
        + good[end:],
        "encrypted": encrypt(make_zip({"a.txt": _TEXT, "b.txt": b"Open."}), "a.txt"),
        "a PDF before it": b"%PDF-1.7\n" + good,
        "empty files": make_zip({f"{n}.txt": b"" for n in range(50)}),
        "two archives": good + good,
        "three documents and 90 lies": make_zip(
            {
                **{f"{n}.pdf": f"%PDF-1.7\n{n}".encode() for n in range(90)},
                **{f"{n}.txt": b"Good %d." % n for n in range(3)},
            }
        ),
    }
