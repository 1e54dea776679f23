"""DOCX by python-docx, for files on which the walk of ``app.pipeline.parse.word.docx`` fails or finds no text.

python-docx reads parts of any size, so it does not open the file itself. It receives a copy of the package in memory,
without pictures, whose parts were read within the limits of ``OoxmlPackage``.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import docx
from docx.document import Document
from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError
from docx.oxml.table import CT_Tbl
from docx.oxml.text.paragraph import CT_P
from docx.parts.comments import CommentsPart
from docx.parts.hdrftr import FooterPart, HeaderPart
from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.rendering.tables import Table, join_blocks
from app.pipeline.parse.word.tables import read_table

_PARTS = 5_000
"""Parts at most: python-docx compares the name of each part with all before it."""
_READ = (".xml", ".rels")
_FAILURES = (
    *(OpcError, PythonDocxError, etree.LxmlError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""The errors of python-docx over damaged files."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """Headers, body, comments and footers as one page. Raises the errors of ``app.pipeline.parse.word.docx.read``."""
    with OoxmlPackage(path, limits) as package:
        copied = _copy(package)
        metadata = _read_properties(package)
    try:
        budget = Budget(limits.characters, "It contains more text than is allowed.")
        text = "\n\n".join(filter(None, _write_stories(docx.Document(copied), budget)))
    except _FAILURES as error:
        raise DocumentDamagedError(str(error)[:200]) from error
    report(1, 1)
    return Parsed([Page(None, text)], metadata)


def _copy(package: OoxmlPackage) -> io.BytesIO:
    """A copy of the package in which all parts but readable XML are empty."""
    names = package.names()
    if len(names) > _PARTS:
        raise ParseLimitExceededError(f"It contains more than {_PARTS} files.")
    copied = io.BytesIO()
    with zipfile.ZipFile(copied, "w") as archive:
        for name in names:
            archive.writestr(name, _read_part(package, name) if name.endswith(_READ) else b"")
    return copied


def _read_part(package: OoxmlPackage, name: str) -> bytes:
    try:
        return package.read_bytes(name) or b""
    except DocumentDamagedError:
        return b""  # python-docx fails if it needs this part


def _read_properties(package: OoxmlPackage) -> dict[str, str]:
    try:
        return package.read_properties()
    except DocumentDamagedError:
        return {}


def _write_stories(document: Document, budget: Budget) -> Iterator[str]:
    def write(part: Iterable[etree._Element]) -> str:
        return join_blocks(_blocks(part, budget))

    parts = sorted(document.part.package.iter_parts(), key=lambda part: part.partname)
    yield from dict.fromkeys(write(part.element) for part in parts if isinstance(part, HeaderPart))
    yield write(document.element.body)
    yield from (write(part.element) for part in parts if isinstance(part, CommentsPart))
    yield from dict.fromkeys(write(part.element) for part in parts if isinstance(part, FooterPart))


def _blocks(container: Iterable[etree._Element], budget: Budget) -> Iterator[tuple[str, str]]:
    """Paragraphs and tables in document order, by the element classes of python-docx.

    Its ``Table`` is not used: it repeats a merged cell as often as the file says.
    """
    for element in container:
        if isinstance(element, CT_P):
            yield "paragraph", element.text
        elif isinstance(element, CT_Tbl):
            table = Table(budget)
            for row in read_table(element, lambda cell: " ".join(text for _, text in _blocks(cell, budget))):
                table.add_row(row.cells, header=row.header)
            yield "paragraph", table.write()
        else:
            yield from _blocks(element, budget)
