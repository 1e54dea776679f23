"""The package of XML parts in an Office Open XML file (ECMA-376, part 2)."""

import posixpath
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.xml import children, local
from app.pipeline.parse.zip_package import ZipPackage, resolve

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "encryptedpackage".encode("utf-16-le")
_NAMES = {"title": "title", "creator": "author", "subject": "subject", "keywords": "keywords", "language": "language"}


class OoxmlPackage(ZipPackage):
    """An open DOCX, PPTX or XLSX file.

    Raises:
        DocumentEncryptedError, DocumentDamagedError, ParseLimitExceededError
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        _refuse_encrypted(path)
        super().__init__(path, limits)
        self._relations: dict[str, list[etree._Element]] = {}

    def read_optional(self, name: str) -> etree._Element | None:
        """As ``read``; None also for a damaged part, for parts without which the document can be read."""
        try:
            return self.read(name)
        except DocumentDamagedError:
            return None

    def links(self, part: str) -> dict[str, str]:
        """The addresses outside the package to which ``part`` refers, by the ids of the relations."""
        return {
            relation.get("Id") or "": relation.get("Target") or ""
            for relation in self._read_relations(part)
            if relation.get("TargetMode") == "External"
        }

    def relations(self, part: str) -> Iterator[tuple[str, str, str]]:
        """The parts that ``part`` refers to, as ``(id, kind, name)``; the kind is the last word of the type."""
        for relation in self._read_relations(part):
            if relation.get("TargetMode") != "External":
                kind = (relation.get("Type") or "").rpartition("/")[2]
                name = resolve(posixpath.dirname(part), relation.get("Target") or "")
                yield relation.get("Id") or "", kind, name

    def targets(self, part: str) -> Iterator[tuple[str, str]]:
        """As ``relations``, without the ids."""
        return ((kind, name) for _, kind, name in self.relations(part))

    def find_main(self, usual: str) -> str:
        """The name of the main part; ``usual`` where the package does not name one."""
        return next((name for kind, name in self.targets("") if kind == "officeDocument"), usual)

    def read_properties(self) -> dict[str, str]:
        """Title, author, subject, keywords, language and creation date, as far as the file gives them."""
        name = next((name for kind, name in self.targets("") if kind == "core-properties"), "docProps/core.xml")
        fields = {local(item): item.text for item in children(self.read_optional(name)) if item.text}
        metadata = {ours: fields[theirs] for theirs, ours in _NAMES.items() if fields.get(theirs)}
        if created := fields.get("created"):
            metadata["date"] = created[:10]
        return metadata

    def _read_relations(self, part: str) -> list[etree._Element]:
        """The relations of a part, which are read once: several readers ask for those of the main part."""
        if part not in self._relations:
            folder, base = posixpath.split(part)
            root = self.read(posixpath.join(folder, "_rels", f"{base}.rels"))
            self._relations[part] = [item for item in children(root) if local(item) == "Relationship"]
        return self._relations[part]


class Part:
    """A part with the addresses and the other parts to which it refers.

    Attributes:
        links: The addresses by the ids of the relations.
    """

    def __init__(self, package: OoxmlPackage, name: str) -> None:
        self._package = package
        self._names = {key: found for key, _, found in package.relations(name)}
        self.links = package.links(name)

    def find(self, key: str | None) -> str:
        """The name of the part with this relation id; empty where there is none."""
        return self._names.get(key or "", "")

    def read(self, key: str | None) -> etree._Element | None:
        """The root of the part with this relation id; None where it is missing or damaged."""
        return self._package.read_optional(self.find(key))


def relation_id(element: etree._Element) -> str:
    """The ``r:id`` of an element, which may have an ``id`` without a namespace as well; empty where it has none."""
    return next((str(value) for key, value in element.items() if str(key).endswith("}id")), "")


def _refuse_encrypted(path: Path) -> None:
    """Office wraps a document with a password into an OLE file ([MS-OFFCRYPTO], 2.3), in a stream of any case."""
    with path.open("rb") as file:
        encrypted = file.read(len(_OLE)) == _OLE and _ENCRYPTED in file.read().lower()
    if encrypted:
        raise DocumentEncryptedError
