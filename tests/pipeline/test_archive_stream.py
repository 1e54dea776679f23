"""Tar archives in each compression and gzip files, read as streams whatever they contain."""

import bz2
import gzip
import lzma
import random
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from app.domain.errors import ArchiveLimitError, DocumentDamagedError, SluiceError, SpecialFileError, UnsafePathError
from app.domain.media import GZIP, TAR
from app.pipeline.archives.byte_stream import ByteStream
from app.pipeline.archives.formats import open_files
from app.pipeline.detection.media_type import detect
from tests.pipeline.tars import add_special, make_info, make_tar

FILES = [("a.txt", b"The heron stands."), ("deep/b.bin", bytes(range(256)) * 700), ("empty.txt", b"")]
LONG = "/".join(["a folder with a long name"] * 20) + "/größe.txt"
MODES = {"w": ".tar", "w:gz": ".tar.gz", "w:bz2": ".tar.bz2", "w:xz": ".tar.xz"}


def read(
    path: Path, *, max_entries: int = 100, max_bytes: int = 10_000_000, name: str = "x"
) -> list[tuple[str, bytes]]:
    media_type = detect(path, path.name)
    with open_files(path, media_type, name, max_entries=max_entries, max_bytes=max_bytes) as files:
        return [(file.path, b"".join(file.pieces())) for file in files]


def find_errors(path: Path) -> list[tuple[str, type[SluiceError] | None]]:
    with open_files(path, TAR, "x", max_entries=100, max_bytes=1000) as files:
        return [(file.path, type(file.error) if file.error else None) for file in files]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_archive_is_read_in_each_format_and_compression(tmp_path: Path, mode: str, form: int) -> None:
    path = make_tar(tmp_path / f"a{MODES[mode]}", FILES, mode=mode, form=form)
    assert detect(path, "any.name") == TAR
    assert read(path) == FILES


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_and_names_of_other_scripts_are_whole(tmp_path: Path, form: int) -> None:
    assert read(make_tar(tmp_path / "a.tar", [(LONG, b"x"), ("b", b"y")], form=form)) == [(LONG, b"x"), ("b", b"y")]


def test_an_archive_of_the_first_tar_format_is_recognised(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", FILES, form=tarfile.USTAR_FORMAT)
    data = bytearray(path.read_bytes()[:1024] + bytes(1024))
    data[257:265] = bytes(8)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    path.write_bytes(data)
    assert (detect(path, "a"), read(path)) == (TAR, FILES[:1])


def test_files_that_are_skipped_do_not_shift_those_after_them(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar", FILES)
    with open_files(path, TAR, "x", max_entries=9, max_bytes=10_000_000) as files:
        contents = []
        for number, file in enumerate(files):
            pieces = file.pieces()
            contents.append(next(pieces) if number == 1 else b"".join(pieces) if number == 2 else b"")
    assert contents == [b"", FILES[1][1][: 64 * 1024], b""]


def test_hidden_files_of_file_managers_and_folders_are_left_out(tmp_path: Path) -> None:
    junk = [("._a.txt", b"x"), ("__MACOSX/a.txt", b"x"), (".git/config", b"x"), ("b/.DS_Store", b"x"), ("folder/", b"")]
    assert read(make_tar(tmp_path / "a.tar", [*junk, FILES[0]])) == FILES[:1]


def test_paths_that_lead_out_links_and_devices_are_errors_of_their_entries(tmp_path: Path) -> None:
    names = ["../a", "/etc/passwd", "C:\\a"]
    assert find_errors(make_tar(tmp_path / "a.tar", [(name, b"x") for name in names])) == [
        (name.replace("\\", "/"), UnsafePathError) for name in names
    ]
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    path = add_special(tmp_path / "b.tar", *(make_info(f"{kind!r}", kind, "/etc/passwd") for kind in kinds))
    assert {error for _, error in find_errors(path)} == {SpecialFileError}
    assert find_errors(add_special(tmp_path / "c.tar", make_info("folder", tarfile.DIRTYPE))) == []


def test_too_many_files_or_bytes_are_refused(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar.gz", [(f"{number}", b"x") for number in range(30)], mode="w:gz")
    with pytest.raises(ArchiveLimitError):
        read(path, max_entries=29)
    assert len(read(path, max_entries=30)) == 30


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_bomb_is_inflated_only_as_far_as_it_is_read(tmp_path: Path, mode: str) -> None:
    path = make_tar(tmp_path / "bomb", [("bomb", bytes(60_000_000))], mode=mode)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveLimitError):
            read_without_keeping(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def read_without_keeping(path: Path) -> None:
    with open_files(path, TAR, "x", max_entries=9, max_bytes=1000) as files:
        for file in files:
            for _ in file.pieces():
                pass


def test_a_bomb_in_a_file_that_is_skipped_counts_too(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "bomb", [("../bomb", bytes(60_000_000))], mode="w:gz")
    with pytest.raises(ArchiveLimitError):
        find_errors(path)


def test_a_header_that_claims_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = make_info("long", tarfile.XHDTYPE)
    info.size = 2 * 1024**3
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
    with pytest.raises(DocumentDamagedError, match="too long"):
        read(path)


@pytest.mark.parametrize("mode", MODES)
def test_an_archive_that_is_cut_off_is_damaged(tmp_path: Path, mode: str) -> None:
    content = random.Random(1).randbytes(300_000)  # noqa: S311 - bytes that do not compress
    path = make_tar(tmp_path / "a", [("a", content)], mode=mode)
    path.write_bytes(path.read_bytes()[:200_000])
    with pytest.raises(DocumentDamagedError):
        read(path) if mode != "w:bz2" else read_without_keeping(path)


def test_any_change_of_a_byte_is_read_or_refused(tmp_path: Path) -> None:
    dice = random.Random(2)  # noqa: S311 - a plan that can be repeated
    for mode in MODES:
        data = make_tar(tmp_path / "a", [*FILES[:1], (LONG, b"x" * 5000)], mode=mode).read_bytes()
        for _ in range(150):
            changed = bytearray(data)
            changed[dice.randrange(len(data))] = dice.randrange(256)
            (tmp_path / "b").write_bytes(changed)
            try:
                read_without_keeping(tmp_path / "b")
            except SluiceError:
                continue


def test_a_gzip_file_is_one_file_named_without_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(b"One heron. ") + gzip.compress(b"Two herons."))
    assert detect(path, "a.log.gz") == GZIP
    assert read(path, name="logs/a.log.GZ") == [("a.log", b"One heron. Two herons.")]
    assert read(path, name="a.log") == [("a.log", b"One heron. Two herons.")]
    with pytest.raises(ArchiveLimitError):
        read(path, max_bytes=5)


def test_xz_files_of_several_streams_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(lzma.compress(b"One heron. ") + bytes(8) + lzma.compress(b"Two herons."))
    assert b"".join(ByteStream(path, 100).pieces()) == b"One heron. Two herons."


def test_an_xz_file_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 * 1024 * 1024}]
    with lzma.open(path, "wb", filters=[{**filters[0], "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3}]) as file:
        file.write(b"x")
    with pytest.raises(DocumentDamagedError):
        ByteStream(path, 100).read(1)


def test_bzip2_and_xz_files_without_an_archive_are_no_archives(tmp_path: Path) -> None:
    for number, data in enumerate((bz2.compress(b"x" * 999), lzma.compress(b"x" * 999))):
        path = tmp_path / str(number)
        path.write_bytes(data)
        with pytest.raises(SluiceError, match=r"bzip2|xz"):
            detect(path, "a.txt")


def test_a_tar_archive_that_begins_with_a_pdf_is_an_archive(tmp_path: Path) -> None:
    assert detect(make_tar(tmp_path / "a", [("a.pdf", b"%PDF-1.7\n"), ("b", b"x")]), "a.tar") == TAR


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_header_with_a_negative_size_is_damage(tmp_path: Path, kind: bytes) -> None:
    """A negative size would raise the limit on bytes."""
    info = tarfile.TarInfo("a.txt")
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT)[: tarfile.BLOCKSIZE])
    block[124:136] = b"\xff" * 11 + b"\x00"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(block) + bytes(4 * tarfile.BLOCKSIZE))
    with pytest.raises(DocumentDamagedError, match="negative"):
        read(path)


def test_a_size_of_thousands_of_digits_is_ignored(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"size": "9" * 5000}
    path = add_special(tmp_path / "a.tar", info)
    assert read(path) == [("a.txt", b"")]
