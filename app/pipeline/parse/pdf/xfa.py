"""The data of an XFA form. A dynamic one has no pages of its own: its only page asks for another viewer."""

import ctypes
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import closing, suppress

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw
from lxml import etree

from app.domain.errors import DocumentDamagedError, NoExtractableTextError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.pdf.strings import Handle
from app.pipeline.parse.xml import attribute, child, local

Pages = list[tuple[int, str | None]]

_PLACEHOLDER = "If this message is not eventually replaced"
"""From the page that Adobe's programs write into dynamic forms."""
_WITH_XFA = (pdfium_raw.FORMTYPE_XFA_FULL, pdfium_raw.FORMTYPE_XFA_FOREGROUND)
_TOO_LARGE = "Its form data are too large."


def read_pages(document: pdfium.PdfDocument, pages: Pages, limits: Limits) -> Pages:
    """The pages of a file, or in place of them the content of its dynamic form.

    The data of a form whose pages have no fields follow its pages.

    Raises:
        NoExtractableTextError: when it is a dynamic form without labels and data.
        DocumentDamagedError, ParseLimitExceededError
    """
    kind = document.get_formtype()
    if kind not in _WITH_XFA:
        return pages
    number, text = pages[-1]
    if kind == pdfium_raw.FORMTYPE_XFA_FULL or _PLACEHOLDER in " ".join((pages[0][1] or "").split()):
        form = _read_form(document, limits)
        if not form:
            raise NoExtractableTextError("It is a dynamic XFA form without data. Print it to a PDF with Adobe Acrobat.")
        return [(1, form)]
    if not any(_has_field(page) for page in document):
        with suppress(DocumentDamagedError):  # the pages are readable
            return [*pages[:-1], (number, "\n\n".join(filter(None, (text, _read_form(document, limits)))))]
    return pages


def _has_field(page: pdfium.PdfPage) -> bool:
    with closing(page):
        handles = (
            pdfium_raw.FPDFPage_GetAnnot(page, index) for index in range(pdfium_raw.FPDFPage_GetAnnotCount(page))
        )
        return any(_is_field(handle) for handle in handles if handle)


def _is_field(handle: Handle) -> bool:
    kind = pdfium_raw.FPDFAnnot_GetSubtype(handle)
    pdfium_raw.FPDFPage_CloseAnnot(handle)
    return bool(kind == pdfium_raw.FPDF_ANNOT_WIDGET)


def _read_form(document: pdfium.PdfDocument, limits: Limits) -> str:
    """The labels and values of a form, in the order of its template; values without a field follow."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, remove_comments=True)
    try:
        root = etree.fromstring(_read_packets(document, limits), parser)
    except etree.XMLSyntaxError as error:
        raise DocumentDamagedError(str(error)[:200]) from error
    if root is None:
        raise DocumentDamagedError("Its form is no XML.")
    values = _read_values(_find(root, "datasets"))
    lines = [*_write_template(_find(root, "template"), values)]
    lines += (f"{name}: {value}" for name, left in values.items() for value in left)
    return "\n".join(lines)


def _read_packets(document: pdfium.PdfDocument, limits: Limits) -> bytes:
    """The whole XML document, of which a file may have each part in a stream of its own."""
    budget = Budget(limits.markup_bytes, _TOO_LARGE)
    packets = []
    for index in range(pdfium_raw.FPDF_GetXFAPacketCount(document)):
        size = ctypes.c_ulong()
        pdfium_raw.FPDF_GetXFAPacketContent(document, index, None, 0, size)
        budget.spend(size.value)
        buffer = ctypes.create_string_buffer(size.value)
        pdfium_raw.FPDF_GetXFAPacketContent(document, index, buffer, size.value, size)
        packets.append(buffer.raw[: size.value])
    return b"".join(packets)


def _find(root: etree._Element, name: str) -> etree._Element | None:
    return next((item for item in root.iter() if local(item) == name), None)


def _read_values(datasets: etree._Element | None) -> dict[str, deque[str]]:
    """The values by the names of their fields, in order."""
    values = defaultdict[str, deque[str]](deque)
    data = child(datasets, "data")
    for item in () if data is None else data.iter():
        if not len(item) and item.text and item.text.strip():
            values[local(item)].append(item.text.strip())
    return values


def _write_template(template: etree._Element | None, values: dict[str, deque[str]]) -> Iterator[str]:
    """The texts of a template and its fields with a value, which is taken out of ``values``."""
    for item in () if template is None else template.iter():
        if local(item) == "draw":
            text = _read_text(child(item, "value"))
            if text:
                yield text
        elif local(item) == "field":
            name = attribute(item, "name") or ""
            if values.get(name):
                label = _read_text(child(item, "caption", "value")) or name
                yield f"{label.rstrip(':')}: {values[name].popleft()}"


def _read_text(value: etree._Element | None) -> str:
    """The text of a value, plain or XHTML; empty for pictures and lines."""
    content = next((item for item in value if local(item) in {"text", "exData"}), None) if value is not None else None
    return " ".join("".join(map(str, content.itertext())).split()) if content is not None else ""
