"""The annotations of a page that have a text: values of form fields, typed text, notes, and links to addresses."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.pipeline.parse.pdf.attachments import AttachedFiles
from app.pipeline.parse.pdf.form_fields import is_signature, read_name, read_tick, read_value
from app.pipeline.parse.pdf.layout import Box
from app.pipeline.parse.pdf.strings import Handle, read_bytes, read_string

_INVISIBLE = pdfium_raw.FPDF_ANNOT_FLAG_HIDDEN | pdfium_raw.FPDF_ANNOT_FLAG_NOVIEW
_TAG = re.compile("<[^<>]*>")
_OVER_WORDS = (
    pdfium_raw.FPDF_ANNOT_HIGHLIGHT,
    pdfium_raw.FPDF_ANNOT_UNDERLINE,
    pdfium_raw.FPDF_ANNOT_SQUIGGLY,
    pdfium_raw.FPDF_ANNOT_STRIKEOUT,
)
_WITHOUT_NOTE = (
    pdfium_raw.FPDF_ANNOT_WIDGET,
    pdfium_raw.FPDF_ANNOT_LINK,
    pdfium_raw.FPDF_ANNOT_PRINTERMARK,
    pdfium_raw.FPDF_ANNOT_TRAPNET,
    pdfium_raw.FPDF_ANNOT_SCREEN,
    pdfium_raw.FPDF_ANNOT_XFAWIDGET,
)


class Kind(Enum):
    """Where the text of an annotation belongs."""

    VALUE = auto()
    """Beside the label of the field."""
    TICK = auto()
    """Before the words that the box belongs to."""
    TYPED = auto()
    """On the page, as drawn."""
    NOTE = auto()
    """Beside the page."""
    LINK = auto()
    """After the words that it covers."""
    DRAWN = auto()
    """In its appearance only: stamps and signatures."""


class Annotation(NamedTuple):
    """The text of an annotation and the areas that it covers.

    ``name`` is the name of a field or the author, ``number`` its place among the annotations of the page.
    """

    kind: Kind
    boxes: Sequence[Box]
    text: str
    name: str = ""
    number: int = 0


def read_annotations(page: pdfium.PdfPage, files: AttachedFiles) -> list[Annotation]:
    """The visible annotations that have a text, in the order of the file; ``files`` receives those that they attach."""
    found: list[Annotation] = []
    for index in range(pdfium_raw.FPDFPage_GetAnnotCount(page)):
        handle = pdfium_raw.FPDFPage_GetAnnot(page, index)
        if handle:
            if pdfium_raw.FPDFAnnot_GetSubtype(handle) == pdfium_raw.FPDF_ANNOT_FILEATTACHMENT:
                files.add_annotation(handle)
            found += (item._replace(number=index) for item in _read_annotation(page, handle))
            pdfium_raw.FPDFPage_CloseAnnot(handle)
    return found


def _read_annotation(page: pdfium.PdfPage, handle: Handle) -> Iterator[Annotation]:
    kind = pdfium_raw.FPDFAnnot_GetSubtype(handle)
    if kind == pdfium_raw.FPDF_ANNOT_LINK:  # most annotations; most of them lead to places in the document
        address = _read_address(page, handle)
        if address:
            yield Annotation(Kind.LINK, _read_areas(handle), address)
        return
    if pdfium_raw.FPDFAnnot_GetFlags(handle) & _INVISIBLE:
        return
    if kind == pdfium_raw.FPDF_ANNOT_WIDGET:
        yield from _read_field(page, handle)
    elif kind == pdfium_raw.FPDF_ANNOT_FREETEXT:
        text = _read_text(handle, b"Contents") or _TAG.sub("", _read_text(handle, b"RC")).strip()
        yield Annotation(Kind.TYPED if text else Kind.DRAWN, _read_areas(handle), text)
    elif kind not in _WITHOUT_NOTE:
        yield from _read_note(kind, handle)


def _read_field(page: pdfium.PdfPage, handle: Handle) -> Iterator[Annotation]:
    form = page.formenv
    if form is None or is_signature(form, handle):
        yield Annotation(Kind.DRAWN, _read_areas(handle), "")
        return
    tick = read_tick(form, handle)
    text = tick or read_value(form, handle)
    if text:
        yield Annotation(Kind.TICK if tick else Kind.VALUE, _read_areas(handle), text, read_name(form, handle))


def _read_note(kind: int, handle: Handle) -> Iterator[Annotation]:
    if kind == pdfium_raw.FPDF_ANNOT_STAMP:
        yield Annotation(Kind.DRAWN, _read_areas(handle), "")
    text = _read_text(handle, b"Contents")
    if text:
        areas = _read_areas(handle) if kind in _OVER_WORDS else []
        yield Annotation(Kind.NOTE, areas, text, _read_text(handle, b"T"))


def _read_text(handle: Handle, key: bytes) -> str:
    return read_string(pdfium_raw.FPDFAnnot_GetStringValue, handle, key).strip()


def _read_address(page: pdfium.PdfPage, handle: Handle) -> str:
    """The address that a link leads to; empty for a place in this or in another document."""
    link = pdfium_raw.FPDFAnnot_GetLink(handle)
    action = pdfium_raw.FPDFLink_GetAction(link) if link else None
    if not action or pdfium_raw.FPDFAction_GetType(action) != pdfium_raw.PDFACTION_URI:
        return ""
    return read_bytes(pdfium_raw.FPDFAction_GetURIPath, page.pdf, action).decode("utf-8", "replace")


def _read_areas(handle: Handle) -> list[Box]:
    """The areas that an annotation covers: its quadrilaterals, else its rectangle."""
    quad = pdfium_raw.FS_QUADPOINTSF()
    areas = []
    for index in range(pdfium_raw.FPDFAnnot_CountAttachmentPoints(handle)):
        if pdfium_raw.FPDFAnnot_GetAttachmentPoints(handle, index, quad):
            across, up = (quad.x1, quad.x2, quad.x3, quad.x4), (quad.y1, quad.y2, quad.y3, quad.y4)
            areas.append(Box(min(across), min(up), max(across), max(up)))
    rect = pdfium_raw.FS_RECTF()
    if not areas and pdfium_raw.FPDFAnnot_GetRect(handle, rect):
        areas.append(Box(rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top)))
    return areas
