"""The parts of an OpenDocument file, which is a zip or one XML document, a flat file (OpenDocument 1.3, part 2, 2)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from lxml import etree

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.xml import attribute, child, children, local
from app.pipeline.parse.zip_package import ZipPackage, parse_xml, resolve

_NAMES = {
    "title": "title",
    "initial-creator": "author",
    "creator": "author",
    "subject": "subject",
    "keyword": "keywords",
    "language": "language",
    "creation-date": "date",
}
_ROOTS = {"document", "math", "document-content"}
_ZIP = b"PK"
_HEAD = 4096
_FLAT = re.compile(rb"<(?:[\w-]+:)?document[\s>]")
_PICTURES = re.compile(rb"<office:binary-data>[^<]*</office:binary-data>")
"""Pictures in flat files, which may be larger than a text may be in XML."""


class OdfPackage(Protocol):
    """An open OpenDocument file of either form."""

    def read(self, name: str) -> etree._Element | None:
        """The root of a part, such as ``content``; None where it is missing.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
        """

    def read_optional(self, name: str) -> etree._Element | None:
        """As ``read``; None also for a damaged part."""

    def read_object(self, reference: etree._Element) -> etree._Element | None:
        """The content of the object to which a ``draw:object`` refers; None where there is none."""


@contextmanager
def open_odf(path: Path, limits: Limits) -> Iterator[OdfPackage]:
    """The open OpenDocument file at ``path``.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(_ZIP) and _FLAT.search(head):
        yield _FlatFile(path, limits)
        return
    with ZipPackage(path, limits) as package:
        manifest = package.read("META-INF/manifest.xml")
        if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
            raise DocumentEncryptedError
        yield _ZippedFile(package)


class _ZippedFile:
    """A file of the usual form."""

    def __init__(self, package: ZipPackage) -> None:
        self._package = package

    def read(self, name: str) -> etree._Element | None:
        return self._package.read(f"{name}.xml")

    def read_optional(self, name: str) -> etree._Element | None:
        try:
            return self.read(name)
        except DocumentDamagedError:
            return None

    def read_object(self, reference: etree._Element) -> etree._Element | None:
        href = attribute(reference, "href")
        return self.read_optional(f"{resolve('', href)}/content") if href else _find_inner(reference)


class _FlatFile:
    """A file of one XML document, which has the content of all parts."""

    def __init__(self, path: Path, limits: Limits) -> None:
        if path.stat().st_size > limits.inflated_bytes:
            raise ParseLimitExceededError("It is larger than is allowed.")
        self._root = parse_xml(_PICTURES.sub(b"", path.read_bytes()), "The document")

    def read(self, _name: str) -> etree._Element | None:
        return self._root

    read_optional = read

    def read_object(self, reference: etree._Element) -> etree._Element | None:
        return _find_inner(reference)


def _find_inner(reference: etree._Element) -> etree._Element | None:
    return next((item for item in reference if local(item) in _ROOTS), None)


def read_metadata(root: etree._Element | None) -> dict[str, str]:
    """The properties of a document, given as the root of the part that has them; damaged ones are left out."""
    found: dict[str, list[str]] = {}
    for item in children(child(root, "meta")):
        if local(item) in _NAMES and item.text:
            found.setdefault(local(item), []).append(item.text)
    metadata: dict[str, str] = {}
    for theirs, ours in _NAMES.items():
        if theirs in found:
            metadata.setdefault(ours, ", ".join(found[theirs]))
    if "date" in metadata:
        metadata["date"] = metadata["date"][:10]
    return metadata
