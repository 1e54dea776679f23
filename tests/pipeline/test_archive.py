"""The reading of an archive is limited for each entry, whatever the archive declares."""

import bz2
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, SluiceError, SpecialFileError
from app.pipeline.archives.archive import open_archive

TEXT = bytes(range(256)) * 2000


def pack(path: Path, content: bytes, name: str = "a.txt") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(name, content)
    return path


def read(path: Path) -> bytes:
    with open_archive(path, 10) as [member]:
        return b"".join(member.pieces())


@pytest.mark.parametrize("content", [b"", b"x", TEXT, bytes(3_000_000)], ids=len)
def test_what_was_packed_by_bzip2_is_read_as_it_was(tmp_path: Path, content: bytes) -> None:
    assert read(pack(tmp_path / "a.zip", content)) == content


@pytest.mark.parametrize(
    ("system", "attributes"),
    [
        *((3, kind << 16) for kind in (stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)),
        (19, (stat.S_IFLNK | 0o755) << 16),
        (0, stat.FILE_ATTRIBUTE_REPARSE_POINT),
    ],
)
def test_a_link_a_device_and_a_pipe_are_no_files(tmp_path: Path, system: int, attributes: int) -> None:
    assert isinstance(find_error(tmp_path / "a.zip", system, attributes), SpecialFileError)


@pytest.mark.parametrize(
    ("system", "attributes"), [(3, 0o644 << 16), (3, (stat.S_IFREG | 0o600) << 16), (0, 0x20), (3, 0)]
)
def test_an_ordinary_file_is_read_whatever_program_packed_it(tmp_path: Path, system: int, attributes: int) -> None:
    assert find_error(tmp_path / "a.zip", system, attributes) is None


def find_error(path: Path, system: int, attributes: int) -> SluiceError | None:
    info = zipfile.ZipInfo("a.txt")
    info.create_system, info.external_attr = system, attributes
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with open_archive(path, 10) as [entry]:
        return entry.error


def test_a_bomb_of_bzip2_is_unpacked_only_as_far_as_it_is_read(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", bytes(100_000_000))
    assert path.stat().st_size < 1000
    tracemalloc.start()
    with open_archive(path, 10) as [member]:
        assert len(next(member.pieces())) <= 64 * 1024
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("spoil", [lambda data: data[:-20] + bytes(20), lambda data: data[:100], lambda _: b"no bzip2"])
def test_a_member_that_is_no_bzip2_is_damaged(tmp_path: Path, spoil: object) -> None:
    packed = bz2.compress(TEXT)
    path = pack(tmp_path / "a.zip", TEXT)
    assert callable(spoil)
    path.write_bytes(path.read_bytes().replace(packed, spoil(packed).ljust(len(packed), b"\0")))
    with pytest.raises(DocumentDamagedError):
        read(path)


def test_a_member_without_a_name_is_a_file_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "A note.")
    path.write_bytes(_drop_name(path.read_bytes()))
    with open_archive(path, 10) as [member]:
        assert (member.path, b"".join(member.pieces())) == ("unnamed", b"A note.")


def _drop_name(data: bytes) -> bytes:
    """The archive of one entry, with its name of one letter turned into an empty comment."""
    central = data.index(b"PK\x01\x02")
    changed = bytearray(data[:30] + data[31 : central + 46] + data[central + 47 :])
    changed[26:28] = changed[central - 1 + 28 : central - 1 + 30] = bytes(2)
    end = changed.index(b"PK\x05\x06")
    changed[end + 12 : end + 20] = (46).to_bytes(4, "little") + (central - 1).to_bytes(4, "little")
    return bytes(changed)
