"""Compound files are read within bounds, and what they are is decided by their streams."""

import struct
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError, UnsupportedTypeError
from app.domain.media import DOCX, PPTX, SUPPORTED, XLSX
from app.pipeline.detection.compound_file import open_compound
from app.pipeline.detection.media_type import detect
from tests.pipeline.compound_files import CUTOFF, SECTOR, make_compound

OLD = {
    "WordDocument": ("Word document", "application/msword"),
    "Workbook": ("Excel workbook", "application/vnd.ms-excel"),
    "Book": ("Excel workbook", "application/vnd.ms-excel"),
    "PowerPoint Document": ("PowerPoint presentation", "application/vnd.ms-powerpoint"),
}


def write(folder: Path, content: bytes) -> Path:
    path = folder / "blob"
    path.write_bytes(content)
    return path


def read_first(path: Path) -> bytes:
    with open_compound(path) as compound:
        return compound.read("a", 10_000)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, CUTOFF - 1, CUTOFF, CUTOFF + 1, 9 * SECTOR * SECTOR])
def test_a_stream_of_any_size_is_read_whole(tmp_path: Path, size: int) -> None:
    content = bytes(index * 7 % 251 for index in range(size))
    made = make_compound({"first": b"a" * 100, "wanted": content, "folder": {"wanted": b"inner"}, "last": b"b" * 5000})
    with open_compound(write(tmp_path, made)) as compound:
        assert compound.names == {"first", "wanted", "folder", "last"}
        assert compound.read("wanted", size) == content
        assert compound.read("last", 5000) == b"b" * 5000


def test_a_file_of_more_than_seven_megabytes_lists_its_allocation_table_in_sectors(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4 * 8192
    with open_compound(write(tmp_path, make_compound({"large": content, "small": b"x"}))) as compound:
        assert compound.read("large", len(content)) == content
        assert compound.read("small", 1) == b"x"


def test_a_stream_above_the_limit_or_missing_is_an_error(tmp_path: Path) -> None:
    with open_compound(write(tmp_path, make_compound({"a": b"x" * 10, "storage": {}}))) as compound:
        with pytest.raises(ParseLimitExceededError):
            compound.read("a", 9)
        for name in ("b", "storage"):
            with pytest.raises(DocumentDamagedError):
                compound.read(name, 9)


@pytest.mark.timeout(20)
def test_loops_and_wild_numbers_end(tmp_path: Path) -> None:
    made = make_compound({"a": b"x" * 10_000, "b": b"y" * 100})
    for at in range(24, len(made) - 4, 4 if len(made) < 4000 else 12):
        for wild in (0, 1, 0x7FFFFFFF, 0xFFFFFFF0):
            path = write(tmp_path, made[:at] + struct.pack("<I", wild) + made[at + 4 :])
            try:
                with open_compound(path) as compound:
                    for name in compound.names:
                        assert len(compound.read(name, 1 << 32)) <= len(made)
            except DocumentDamagedError:
                continue


def test_a_truncated_file_is_damaged_wherever_it_ends(tmp_path: Path) -> None:
    made = make_compound({"a": b"x" * 10_000})
    for end in range(0, len(made) - SECTOR, 300):
        with pytest.raises(DocumentDamagedError):
            read_first(write(tmp_path, made[:end]))


@pytest.mark.parametrize("stream", OLD)
@pytest.mark.parametrize("name", ["a.docx", "a.DOCM", "a.xlsx", "a.xlsm", "a.pptx", "a.ppsx"])
def test_an_old_office_file_with_a_new_name_is_refused_and_the_message_says_what_to_do(
    tmp_path: Path, stream: str, name: str
) -> None:
    title, media_type = OLD[stream]
    with pytest.raises(UnsupportedTypeError) as refused:
        detect(write(tmp_path, make_compound({stream: b"x" * 5000})), name)
    assert title in refused.value.message
    assert f"named {name[1:].lower()}" in refused.value.message
    assert "old format: save it as " in refused.value.message
    assert refused.value.detected_type == media_type


@pytest.mark.parametrize("stream", OLD)
@pytest.mark.parametrize("name", ["a.doc", "a.xls", "a.ppt", "a.pdf", "a.txt", "a"])
def test_an_old_office_file_is_known_by_its_streams_whatever_its_old_name(
    tmp_path: Path, stream: str, name: str
) -> None:
    title, media_type = OLD[stream]
    path = write(tmp_path, make_compound({"\x05SummaryInformation": b"", stream: b"x" * 5000}))
    if media_type in SUPPORTED:
        assert detect(path, name) == media_type
        return
    with pytest.raises(UnsupportedTypeError, match=title):
        detect(path, name)


def test_a_stream_of_an_embedded_object_does_not_decide(tmp_path: Path) -> None:
    made = make_compound({"ObjectPool": {"_1": {"Workbook": b"x"}}, "VisioDocument": b"x"})
    with pytest.raises(UnsupportedTypeError, match="a Visio drawing"):
        detect(write(tmp_path, made), "a.docx")


@pytest.mark.parametrize(("name", "expected"), [("a.xlsx", XLSX), ("a.pptx", PPTX), ("a.docx", DOCX), ("a.doc", DOCX)])
def test_a_document_with_a_password_keeps_its_type(tmp_path: Path, name: str, expected: str) -> None:
    made = make_compound({"EncryptionInfo": b"x", "EncryptedPackage": b"x" * 5000})
    assert detect(write(tmp_path, made), name) == expected


def test_a_loop_of_sectors_is_damage_and_no_repeated_text(tmp_path: Path) -> None:
    made = bytearray(make_compound({"a": bytes(range(250)) * 40}))
    (table,) = struct.unpack_from("<I", made, 76)
    struct.pack_into("<I", made, (table + 1) * SECTOR + 4 * 2, 1)
    with pytest.raises(DocumentDamagedError, match="loop"):
        read_first(write(tmp_path, bytes(made)))
