"""The zip of XML parts that an Office file is, read within bounds."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from lxml import etree

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.docx_numbering import local

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError, ValueError)


class Package:
    """An open Office file. Parts are XML trees; what they unpack to together is bounded before any is unpacked.

    Args:
        path: The file.
        inflated_bytes: The bound. Declared sizes can be trusted: ``zipfile`` never yields more than is declared.

    Raises:
        DocumentEncryptedError, DocumentDamagedError
    """

    def __init__(self, path: Path, inflated_bytes: int) -> None:
        _refuse_encrypted(path)
        try:
            self._archive = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise DocumentDamagedError(str(error)) from error
        self._left = inflated_bytes
        self._names = set(self._archive.namelist())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._archive.close()

    def read(self, name: str) -> etree._Element | None:
        """The root of a part; None where there is no such part.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
        """
        if name not in self._names:
            return None
        member = self._archive.getinfo(name)
        if member.flag_bits & 1:
            raise DocumentEncryptedError
        self._left -= member.file_size
        if self._left < 0:
            raise ParseLimitExceededError("It unpacks to more than is allowed.")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            return etree.fromstring(self._archive.read(member), parser)
        except (*_BROKEN, etree.XMLSyntaxError) as error:
            raise DocumentDamagedError(f"{name}: {error}") from error

    def targets(self, part: str) -> Iterator[tuple[str, str]]:
        """What ``part`` relates to inside the package, as ``(kind, name)``: kind is the relationship's last word."""
        folder, base = posixpath.split(part)
        relations = self.read(posixpath.join(folder, "_rels", f"{base}.rels"))
        for relation in relations if relations is not None else ():
            if local(relation) == "Relationship" and relation.get("TargetMode") != "External":
                kind = (relation.get("Type") or "").rpartition("/")[2]
                target = posixpath.join("/", folder, relation.get("Target") or "")
                yield kind, posixpath.normpath(target).lstrip("/")


def _refuse_encrypted(path: Path) -> None:
    """Word wraps a document with a password into an OLE file ([MS-OFFCRYPTO], 2.3)."""
    data = path.read_bytes()
    if data.startswith(_OLE) and "EncryptedPackage".encode("utf-16-le") in data:
        raise DocumentEncryptedError
