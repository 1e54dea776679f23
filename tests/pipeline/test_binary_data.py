"""Binary data are refused though they could pass for text; texts of every encoding are accepted."""

import array
import math
import random
import struct
from pathlib import Path

import pytest

from app.domain.errors import UnsupportedTypeError
from app.domain.media import TEXT
from app.pipeline.detection.media_type import detect

_RANDOM = random.Random(3)  # noqa: S311, no secret
_WAVE = [math.sin(step / 9) for step in range(8000)]
_ENGLISH = "The keeper of the lock counts barges, and writes each name into the book.\n" * 20
BINARIES = {
    "WAV of 16 bits": b"RIFF\x00\x10\x00\x00WAVEfmt " + array.array("h", [int(300 * x) for x in _WAVE]).tobytes(),
    "samples of 16 bits": array.array("h", [int(300 * x) for x in _WAVE]).tobytes(),
    "loud samples of 16 bits": array.array("h", [int(30_000 * x) for x in _WAVE]).tobytes(),
    "samples of 8 bits": bytes(128 + int(60 * x) for x in _WAVE),
    "silence of 8 bits": bytes(128 + (step % 3 == 0) for step in range(8000)),
    "floating point numbers": array.array("f", _WAVE).tobytes(),
    "counters of 32 bits": struct.pack("<2000I", *range(70_000, 72_000)),
    "random": _RANDOM.randbytes(8000),
    "TIFF": b"II*\x00" + struct.pack("<I", 8000) + bytes([200, 201]) * 3000,
    "bitmap without file header": struct.pack("<IIIHH", 40, 90, 90, 1, 24) + bytes([0xC8]) * 4000,
    "TrueType font": b"\x00\x01\x00\x00\x00\x0f\x00\x80\x00\x03" + _RANDOM.randbytes(4000),
    "OpenType font": b"OTTO\x00\x0c\x00\x80" + _RANDOM.randbytes(4000),
    "AU recording": b".snd\x00\x00\x00\x18" + bytes([0xE0, 0x65]) * 3000,
    "MIDI": b"MThd\x00\x00\x00\x06" + b"abc def " * 100,
    "library": b"!<arch>\nfile.o/         0           0     0     644     8         `\n" + bytes(range(256)),
}


@pytest.mark.parametrize("kind", BINARIES)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a"])
def test_binary_data_are_no_text_whatever_their_name(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / "blob"
    path.write_bytes(BINARIES[kind])
    with pytest.raises(UnsupportedTypeError):
        detect(path, name)


TEXTS = {
    "UTF-8": _ENGLISH.encode(),
    "a log with escape codes": "".join(f"\x1b[31mERROR\x1b[0m line {n}\n" for n in range(90)).encode(),
    "a log with a NUL": (_ENGLISH + "\0" + _ENGLISH).encode(),
    "UTF-16, English": _ENGLISH.encode("utf-16-le"),
    "UTF-16, Russian": ("Смотритель шлюза считает баржи.\n" * 30).encode("utf-16-be"),
    "UTF-16, Japanese": ("水門の番人は、はしけを数えます。バケツも数えます。\n" * 30).encode("utf-16-le"),
    "UTF-16, Chinese": ("船闸管理员数着驳船。" * 60).encode("utf-16-le"),
    "UTF-16, Korean": ("수문지기는 바지선을 셉니다.\n" * 30).encode("utf-16-le"),
    "UTF-32": _ENGLISH.encode("utf-32-le"),
    "Western European": ("Der Schleusenwärter zählt Kähne, größer als früher.\n" * 30).encode("latin-1"),
    "Russian, DOS": ("Смотритель шлюза считает баржи.\n" * 30).encode("cp866"),
    "Russian, KOI8-R": ("Смотритель шлюза считает баржи.\n" * 30).encode("koi8-r"),
    "Greek": ("Φύλακας μετρά τις φορτηγίδες.\n" * 30).encode("cp1253"),
    "Japanese, Shift-JIS": ("水門の番人は、はしけを数えます。" * 60).encode("shift_jis"),
    "Japanese, EUC": ("水門の番人は、はしけを数えます。" * 60).encode("euc_jp"),
    "Chinese, GBK": ("船闸管理员数着驳船。" * 500).encode("gbk"),
    "Chinese, Big5": ("船閘管理員數著駁船。" * 500).encode("big5"),
    "Korean": ("수문지기는바지선을셉니다." * 60).encode("euc_kr"),
    "Thai": ("ผู้ดูแลประตูน้ำนับเรือ\n" * 30).encode("cp874"),
    "a short text": "Größe".encode("latin-1"),
    "an old text file of DOS": ("Schleuse\r\n" * 30).encode() + b"\x1a",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_of_every_encoding_are_texts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "blob"
    path.write_bytes(TEXTS[kind])
    assert detect(path, "a.txt") == TEXT
