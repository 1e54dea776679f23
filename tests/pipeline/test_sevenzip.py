"""7-Zip archives, unpacked in a child of the sandbox."""

import os
import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, SluiceError, UnsupportedTypeError
from app.domain.media import SEVENZIP
from app.pipeline.archives.formats import list_unpacked
from app.pipeline.detection import archive_type
from app.pipeline.detection.media_type import detect
from app.pipeline.sandbox.sandbox import ParserSandbox

py7zr = pytest.importorskip("py7zr")

FILES = [("a.txt", b"The heron stands."), ("deep/größe.bin", bytes(range(256)) * 700), ("empty.txt", b"")]


def make_archive(path: Path, files: Iterable[tuple[str, bytes]] = FILES, **options: object) -> Path:
    with py7zr.SevenZipFile(path, "w", **options) as archive:
        for name, content in files:
            archive.writestr(content, name)
    return path


async def unpack(path: Path, memory_mb: int = 512) -> dict[str, tuple[bytes, str | None]]:
    """The bytes and the error code of each file."""
    sandbox = ParserSandbox(size=1, time_limit=30, memory_mb=memory_mb, max_pages=9)
    try:
        files = list_unpacked(await sandbox.parse(path, SEVENZIP))
        return {file.path: (b"".join(file.pieces()), file.error.code if file.error else None) for file in files}
    finally:
        await sandbox.close()


@pytest.mark.parametrize("method", ["LZMA2", "LZMA", "BZIP2", "DEFLATE", "COPY", "PPMD", "ZSTD"])
async def test_an_archive_is_unpacked_in_each_method(tmp_path: Path, method: str) -> None:
    filters = [{"id": getattr(py7zr, f"FILTER_{'ZSTD' if method == 'ZSTD' else method}")}]
    if method == "PPMD":
        filters = [{**filters[0], "order": 6, "mem": 24}]
    path = make_archive(tmp_path / "a", filters=filters)
    assert detect(path, "any.name") == SEVENZIP
    assert await unpack(path) == {name: (content, None) for name, content in FILES}


async def test_links_and_hidden_files_are_not_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git/config").write_text("x")
    (folder / "a.txt").write_text("The heron.")
    (folder / "link.txt").symlink_to("a.txt")
    path = tmp_path / "a.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writeall(folder, "folder")
    assert await unpack(path) == {"folder/a.txt": (b"The heron.", None), "folder/link.txt": (b"", "special_file")}


async def test_an_archive_with_a_password_says_so(tmp_path: Path) -> None:
    for number, hides_names in enumerate((False, True)):
        path = make_archive(tmp_path / str(number), password="secret", header_encryption=hides_names)
        with pytest.raises(DocumentEncryptedError):
            await unpack(path)


async def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = make_archive(tmp_path / "a", [("a", os.urandom(100_000))])
    data = path.read_bytes()
    for number, damaged in enumerate((data[:60_000], data[:200] + bytes(500) + data[700:], data[:32])):
        (tmp_path / f"b{number}").write_bytes(damaged)
        with pytest.raises(DocumentDamagedError):
            await unpack(tmp_path / f"b{number}")


async def test_an_archive_that_unpacks_to_too_much_ends_with_a_code(tmp_path: Path) -> None:
    path = make_archive(tmp_path / "bomb", [("bomb", bytes(500 * 1024 * 1024))])
    with pytest.raises(SluiceError) as caught:
        await unpack(path)
    assert caught.value.code == "parse_limit_exceeded"


async def test_any_change_of_a_byte_is_read_or_refused(tmp_path: Path) -> None:
    dice = random.Random(3)  # noqa: S311 - a plan that can be repeated
    data = make_archive(tmp_path / "a").read_bytes()
    sandbox = ParserSandbox(size=1, time_limit=10, memory_mb=256, max_pages=9)
    try:
        for number in range(60):
            changed = bytearray(data)
            place = dice.randrange(len(data)) if number % 2 else dice.randrange(len(data) - 200, len(data))
            changed[place] = dice.randrange(256)
            path = tmp_path / "b"
            path.write_bytes(changed)
            try:
                list_unpacked(await sandbox.parse(path, SEVENZIP))
            except SluiceError as error:
                assert error.code in {"document_damaged", "document_encrypted", "parse_limit_exceeded"}  # noqa: PT017
    finally:
        await sandbox.close()


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_type, "find_spec", lambda _name: None)
    with pytest.raises(UnsupportedTypeError, match='make extras EXTRAS="sevenzip"'):
        detect(make_archive(tmp_path / "a"), "a.7z")
