"""Files in archives have the names that they had on the computer that packed them."""

import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from app.pipeline.archives.archive import open_archive
from app.pipeline.archives.names import decode_names


def pack(path: Path, names: list[bytes], extra: bytes = b"", flags: int = 0) -> Path:
    """An archive of empty files with these bytes as names."""
    local, central = b"", b""
    for name in names:
        offset = struct.pack("<HHHHHIL", 0, 0, 0, 0, 0, 0, len(local))
        fields = struct.pack("<HHHHHLLLHH", 20, flags, 0, 0, 0x21, 0, 0, 0, len(name), len(extra))
        central += b"PK\x01\x02" + struct.pack("<H", 20) + fields + offset[4:] + name + extra
        local += b"PK\x03\x04" + fields + name + extra
    end = struct.pack("<HHHHLLH", 0, 0, len(names), len(names), len(central), len(local), 0)
    path.write_bytes(local + central + b"PK\x05\x06" + end)
    return path


def list_names(path: Path) -> list[str]:
    with open_archive(path, 100) as entries:
        return [entry.path for entry in entries]


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (["安装说明.txt"], "gbk"),
        (["资料/年度报告.docx", "资料/价格表.xlsx"], "gbk"),
        (["年度報告.docx"], "big5"),
        (["取扱説明書.pdf"], "cp932"),
        (["資料/ソフト一覧表.pdf"], "cp932"),  # a second byte is a backslash
        (["사용 설명서.pdf"], "cp949"),
        (["Отчёт за май.docx"], "cp866"),
        (["Инструкция.pdf", "Счета/Июнь.xlsx"], "cp866"),
        (["Инструкция по сборке.pdf"], "cp1251"),
        (["Größenliste für Köln.pdf"], "cp437"),
        (["Größenliste für Köln.pdf"], "cp850"),
        (["Größenliste für Köln.pdf"], "cp1252"),
        (["Résumé détaillé.docx"], "cp850"),
        (["Año_señal_útil.csv"], "cp437"),
        (["Zażalenie spółki.pdf"], "cp852"),
        (["Größenliste.pdf", "Résumé.docx", "安装.txt"], "utf-8"),
        (["plain.txt", "Größe.txt"], "cp437"),
    ],
)
def test_names_without_a_flag_are_read(tmp_path: Path, names: list[str], encoding: str) -> None:
    assert list_names(pack(tmp_path / "a.zip", [name.encode(encoding) for name in names])) == names


def test_the_flag_of_utf8_decides(tmp_path: Path) -> None:
    assert list_names(pack(tmp_path / "a.zip", ["Größe.txt".encode()], flags=0x800)) == ["Größe.txt"]


def test_a_name_in_the_field_of_info_zip_is_read_where_it_belongs_to_the_entry(tmp_path: Path) -> None:
    raw, name = b"Gr__e.txt", "Größe 中文.txt"
    for owner, expected in ((raw, name), (b"other", "Gr__e.txt")):
        data = b"\x01" + zlib.crc32(owner).to_bytes(4, "little") + name.encode()
        extra = struct.pack("<HHHHH", 0x5455, 1, 0, 0, 0)[:5] + struct.pack("<HH", 0x7075, len(data)) + data
        assert list_names(pack(tmp_path / "a.zip", [raw], extra)) == [expected]


def test_a_name_that_leads_outside_is_refused_after_it_is_decoded(tmp_path: Path) -> None:
    name = "../密码.txt".encode("gbk")
    with open_archive(pack(tmp_path / "a.zip", [name]), 10) as [entry]:
        assert entry.error is not None


def test_entries_of_unknown_encodings_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Größe.txt", "A note.")
    with open_archive(path, 10) as [entry]:
        assert b"".join(entry.pieces()) == b"A note."
    assert decode_names([b"\xff\xfe\x81", b"a"])[1] == "a"
