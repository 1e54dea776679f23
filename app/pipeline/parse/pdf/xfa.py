"""The data of an XFA form. A dynamic one has no pages of its own: its only page asks for another viewer."""

import ctypes
from collections import defaultdict, deque
from collections.abc import Iterator

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw
from lxml import etree

from app.domain.errors import DocumentDamagedError, NoExtractableTextError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.xml import attribute, child, local

_PLACEHOLDER = "If this message is not eventually replaced"
"""From the page that Adobe's programs write into dynamic forms."""
_TOO_LARGE = "Its form data are too large."


def is_dynamic(document: pdfium.PdfDocument, first_page: str) -> bool:
    """Whether the pages of the file are not those of its form."""
    kind = document.get_formtype()
    if kind == pdfium_raw.FORMTYPE_XFA_FULL:
        return True
    return bool(kind == pdfium_raw.FORMTYPE_XFA_FOREGROUND and _PLACEHOLDER in " ".join(first_page.split()))


def read_form(document: pdfium.PdfDocument, limits: Limits) -> str:
    """The labels and values of a form, in the order of its template; values without a field follow.

    Raises:
        NoExtractableTextError: when it has neither.
        DocumentDamagedError, ParseLimitExceededError
    """
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
    if not lines:
        raise NoExtractableTextError("It is a dynamic XFA form without data. Print it to a PDF with Adobe Acrobat.")
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
