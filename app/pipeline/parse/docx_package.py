"""The package of XML parts that an Office file is (ECMA-376, part 2)."""

import posixpath
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import DocumentEncryptedError
from app.pipeline.parse.docx_numbering import local
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.zip_package import ZipPackage, resolve

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NAMES = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords", "language": "language"}


class Package(ZipPackage):
    """An open Office file.

    Args:
        path: The file.
        inflated_bytes: What its parts may unpack to together.
        members: Files it may hold.

    Raises:
        DocumentEncryptedError, DocumentDamagedError, ParseLimitExceededError
    """

    def __init__(self, path: Path, inflated_bytes: int, members: int = Limits().members) -> None:
        _refuse_encrypted(path)
        super().__init__(path, Limits(inflated_bytes=inflated_bytes, members=members))

    def relations(self, part: str) -> Iterator[tuple[str, str, str]]:
        """What ``part`` relates to inside the package, as ``(id, kind, name)``: kind is the type's last word."""
        folder, base = posixpath.split(part)
        relations = self.read(posixpath.join(folder, "_rels", f"{base}.rels"))
        for relation in relations if relations is not None else ():
            if local(relation) == "Relationship" and relation.get("TargetMode") != "External":
                kind = (relation.get("Type") or "").rpartition("/")[2]
                yield relation.get("Id") or "", kind, resolve(folder, relation.get("Target") or "")

    def targets(self, part: str) -> Iterator[tuple[str, str]]:
        """As ``relations``, without the ids."""
        return ((kind, name) for _, kind, name in self.relations(part))

    def find_main(self, usual: str) -> str:
        """The name of the part that is the document itself; ``usual`` where the package does not say."""
        return next((name for kind, name in self.targets("") if kind == "officeDocument"), usual)

    def read_properties(self) -> dict[str, str]:
        """Title, author, subject, keywords, language and date of making, as far as the file gives them."""
        name = next((name for kind, name in self.targets("") if kind == "core-properties"), "docProps/core.xml")
        core = self.read(name)
        fields = {local(item): item.text for item in core if item.text} if core is not None else {}
        metadata = {ours: fields[theirs] for theirs, ours in _NAMES.items() if fields.get(theirs)}
        if created := fields.get("created"):
            metadata["date"] = created[:10]
        return metadata


def _refuse_encrypted(path: Path) -> None:
    """Office wraps a document with a password into an OLE file ([MS-OFFCRYPTO], 2.3)."""
    with path.open("rb") as file:
        encrypted = file.read(len(_OLE)) == _OLE and "EncryptedPackage".encode("utf-16-le") in file.read()
    if encrypted:
        raise DocumentEncryptedError
