"""The zip file of many document formats, read within limits and never unpacked to disk."""

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from lxml import etree

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError, ValueError, struct.error)
"""The errors of ``zipfile`` over damaged files."""
_PIECE = 64 * 1024
_DIRECTORY_BYTES = 8 * 1024 * 1024
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""The compression methods of these formats; ``zipfile`` inflates others without a limit."""
_XML: dict[str, Any] = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


class _BoundedFile(io.FileIO):
    """A file that limits a single read to the largest directory of a zip that is allowed."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY_BYTES:
            raise ParseLimitExceededError("Its zip directory is larger than is allowed.")
        return super().read(-1 if size is None else size) or b""


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The open zip file at ``path``.

    Raises:
        ParseLimitExceededError: when its directory is larger than 8 MB, because it would fill the memory.
        OSError, ValueError, …: one of ``BROKEN`` when it is damaged.
    """
    with _BoundedFile(path) as file, zipfile.ZipFile(file) as archive:
        yield archive


class ZipPackage:
    """An open zipped document. Its limit for unpacked bytes holds for the declared and for the actual sizes.

    Raises:
        DocumentDamagedError, ParseLimitExceededError: on entering it.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._opening = open_zip(path)
        self._entries_allowed = limits.archive_entries
        self._budget = Budget(limits.inflated_bytes, "Its unpacked size is larger than is allowed.")
        self._streamed = Budget(limits.streamed_bytes, "Its unpacked size is larger than is allowed.")

    def __enter__(self) -> Self:
        try:
            self._archive = self._opening.__enter__()
        except BROKEN as error:
            raise DocumentDamagedError(str(error)) from error
        self._names = {name.replace("\\", "/"): name for name in self._archive.namelist()}
        self._folded = {name.lower(): actual for name, actual in self._names.items()}
        if len(self._archive.infolist()) > self._entries_allowed:
            self._opening.__exit__(None, None, None)
            raise ParseLimitExceededError(f"It contains more than {self._entries_allowed} files.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opening.__exit__(kind, error, at)

    def names(self) -> list[str]:
        """The names of all parts, each once."""
        return sorted(name for name in self._names if not name.endswith("/"))

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, in pieces of at most 64 KB.

        Raises:
            DocumentDamagedError: also when the part is missing.
            DocumentEncryptedError, ParseLimitExceededError
        """
        return self._inflate(name, self._budget)

    def read_bytes(self, name: str) -> bytes | None:
        """The bytes of a part; None where it is missing. Raises the errors of ``pieces``."""
        return b"".join(self.pieces(name)) if name in self else None

    def read(self, name: str) -> etree._Element | None:
        """The root of an XML part; None where it is missing.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
        """
        data = self.read_bytes(name)
        return None if data is None else parse_xml(data, name)

    def feed(self, name: str, target: Any, strip: Callable[[Iterable[bytes]], Iterator[bytes]] | None = None) -> None:
        """Parse an XML part without building its tree; ``target`` is a target of ``lxml.etree.XMLParser``.

        Args:
            name: The name of the part.
            target: Receives the elements.
            strip: Leaves out bytes without meaning. They count against a larger limit than those that are parsed.

        Raises:
            DocumentDamagedError: also when the part is missing.
            DocumentEncryptedError, ParseLimitExceededError
        """
        parser = etree.XMLParser(target=target, **_XML)
        try:
            for piece in self._strip(name, strip) if strip else self.pieces(name):
                parser.feed(piece)
            parser.close()
        except etree.XMLSyntaxError as error:
            raise DocumentDamagedError(f"{name}: {error}") from error

    def _find(self, name: str) -> str | None:
        """The entry of a part. Some programs write another case than they refer to (ECMA-376, part 2, 6.2.2.3)."""
        return self._names.get(name) or self._folded.get(name.lower())

    def _strip(self, name: str, strip: Callable[[Iterable[bytes]], Iterator[bytes]]) -> Iterator[bytes]:
        for piece in strip(self._inflate(name, self._streamed)):
            self._budget.spend(len(piece))
            yield piece

    def _inflate(self, name: str, budget: Budget) -> Iterator[bytes]:
        try:
            with self._open(name, budget) as file:
                while piece := file.read(_PIECE):
                    budget.spend(len(piece))
                    yield piece
        except BROKEN as error:
            raise DocumentDamagedError(f"{name}: {error}") from error

    def _open(self, name: str, budget: Budget) -> IO[bytes]:
        entry = self._archive.getinfo(self._find(name) or name)
        if entry.flag_bits & 1:
            raise DocumentEncryptedError
        if entry.compress_type not in _METHODS:
            raise DocumentDamagedError(f"The compression method of {name} is not supported.")
        budget.check(entry.file_size)
        return self._archive.open(entry)


def parse_xml(data: bytes, name: str) -> etree._Element:
    """The root of an XML document; ``name`` is for the message of an error.

    Raises:
        DocumentDamagedError
    """
    try:
        return etree.fromstring(data, etree.XMLParser(**_XML))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentDamagedError(f"{name}: {error}") from error


def resolve(folder: str, target: str) -> str:
    """The name of the part to which ``target`` refers in a part in ``folder``."""
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
