"""Bundles: the files of an archive that are analysed, in ZIP files of so many each, which the sandbox reads in turn."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.errors import ArchiveLimitError, SluiceError
from app.pipeline.archives.formats import ArchivedFile
from app.pipeline.specs.facts import Skipped, find_root
from app.pipeline.specs.selection import MAX_FILE_BYTES, refuse_content, refuse_name

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of a bundle, read on demand. It is an attached file: see ``app.domain.documents``."""

    name: str
    bundle: Path
    member: str

    @property
    def content(self) -> bytes:
        """All bytes of the file."""
        with zipfile.ZipFile(self.bundle) as opened:
            return opened.read(self.member)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""
        content = self.content
        return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))


@dataclass(slots=True)
class Bundles:
    """The bundles of an archive. ``files`` has the member names of each bundle, ``empty`` those without bytes."""

    folder: Path
    files: dict[Path, list[str]] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    skipped: list[Skipped] = field(default_factory=list)

    def list_files(self, prefix: str, root: str) -> list[BundledFile]:
        """The files with content, each named by ``prefix`` and its path in the folder ``root`` of the archive."""
        cut = len(root) + 1 if root else 0
        return [
            BundledFile(prefix + name[cut:], path, name)
            for path, names in self.files.items()
            for name in names
            if name not in self.empty
        ]

    def find_root(self) -> str:
        """The folder that contains all files of the archive; empty where there is none."""
        names = (name for names in self.files.values() for name in names)
        return find_root([*names, *(file.path for file in self.skipped)])

    def count(self) -> int:
        """The number of files that are analysed."""
        return sum(map(len, self.files.values()))

    def split(self, path: Path) -> list[Path]:
        """Two bundles with half the files of one each, in its place; none if it has one file."""
        names = self.files[path]
        if len(names) == 1:
            return []
        halves = []
        with zipfile.ZipFile(path) as whole:
            for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :])):
                half = path.with_name(f"{path.stem}-{number}.zip")
                with zipfile.ZipFile(half, "w") as written:
                    for name in part:
                        written.writestr(name, whole.read(name))
                halves.append(half)
                self.files[half] = part
        del self.files[path]
        return halves


def pack(files: Iterable[ArchivedFile], folder: Path, *, batch_size: int, max_bytes: int) -> Bundles:
    """Write the files of an archive that are analysed into bundles in ``folder``.

    Args:
        files: The files of the archive, which are read in their order.
        folder: Where the bundles are written.
        batch_size: The number of files in one bundle.
        max_bytes: The number of bytes that the files may have in all.

    Raises:
        ArchiveLimitError: when they have more.
    """
    bundles, seen, total = Bundles(folder), set[str](), 0
    remaining = iter(files)
    while True:
        path, names = folder / f"bundle-{len(bundles.files):05}.zip", list[str]()
        with zipfile.ZipFile(path, "w") as bundle:
            for file in remaining:
                reason, data = _read(file, seen)
                seen.add(file.path)
                total += len(data)
                if total > max_bytes:
                    raise ArchiveLimitError(f"Its files have more than {max_bytes} bytes in all.")
                if reason:
                    bundles.skipped.append(Skipped(file.path, reason))
                    continue
                bundle.writestr(file.path, data)
                names.append(file.path)
                bundles.empty |= set() if data.strip() else {file.path}
                if len(names) == batch_size:
                    break
        if not names:
            return bundles
        bundles.files[path] = names


def _read(file: ArchivedFile, seen: set[str]) -> tuple[str | None, bytes]:
    """Why a file is not analysed, or its bytes."""
    reason = file.error.message if file.error else refuse_name(file.path)
    if file.path in seen:
        reason = "the archive has it twice"
    if reason:
        return reason, b""
    data = bytearray()
    try:
        for piece in file.pieces():
            data += piece
            if len(data) > MAX_FILE_BYTES:
                return f"larger than {MAX_FILE_BYTES // 1024} KB", bytes(data)
    except ArchiveLimitError:
        raise
    except SluiceError as error:
        return error.message, b""
    return refuse_content(file.path, bytes(data)), bytes(data)
