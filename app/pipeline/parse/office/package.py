"""The package of XML parts in an Office Open XML file (ECMA-376, part 2)."""

import posixpath
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from app.domain.errors import DocumentEncryptedError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.xml import children, local
from app.pipeline.parse.zip_package import ZipPackage, resolve

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NAMES = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords", "language": "language"}


class OoxmlPackage(ZipPackage):
    """An open DOCX, PPTX or XLSX file.

    Raises:
        DocumentEncryptedError, DocumentDamagedError, ParseLimitExceededError
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        _refuse_encrypted(path)
        super().__init__(path, limits)

    def relations(self, part: str) -> Iterator[tuple[str, str, str]]:
        """The parts that ``part`` refers to, as ``(id, kind, name)``; the kind is the last word of the type."""
        folder, base = posixpath.split(part)
        for relation in children(self.read(posixpath.join(folder, "_rels", f"{base}.rels"))):
            if local(relation) == "Relationship" and relation.get("TargetMode") != "External":
                kind = (relation.get("Type") or "").rpartition("/")[2]
                yield relation.get("Id") or "", kind, resolve(folder, relation.get("Target") or "")

    def targets(self, part: str) -> Iterator[tuple[str, str]]:
        """As ``relations``, without the ids."""
        return ((kind, name) for _, kind, name in self.relations(part))

    def find_main(self, usual: str) -> str:
        """The name of the main part; ``usual`` where the package does not name one."""
        return next((name for kind, name in self.targets("") if kind == "officeDocument"), usual)

    def read_properties(self) -> dict[str, str]:
        """Title, author, subject, keywords, language and creation date, as far as the file gives them."""
        name = next((name for kind, name in self.targets("") if kind == "core-properties"), "docProps/core.xml")
        fields = {local(item): item.text for item in children(self.read(name)) if item.text}
        metadata = {ours: fields[theirs] for theirs, ours in _NAMES.items() if fields.get(theirs)}
        if created := fields.get("created"):
            metadata["date"] = created[:10]
        return metadata


def relation_id(element: etree._Element) -> str:
    """The ``r:id`` of an element, which may have an ``id`` without a namespace as well; empty where it has none."""
    return next((str(value) for key, value in element.items() if str(key).endswith("}id")), "")


def _refuse_encrypted(path: Path) -> None:
    """Office wraps a document with a password into an OLE file ([MS-OFFCRYPTO], 2.3)."""
    with path.open("rb") as file:
        encrypted = file.read(len(_OLE)) == _OLE and "EncryptedPackage".encode("utf-16-le") in file.read()
    if encrypted:
        raise DocumentEncryptedError
