"""Makers of small PDF and DOCX files."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
W_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def make_pdf(*pages: str) -> bytes:
    """A PDF with one line of text on each page; an empty string makes an empty page."""
    return draw_pdf(*(f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else "" for text in pages))


def make_lined_pdf(*pages: Sequence[str]) -> bytes:
    """A PDF with these lines of text on its pages, from the top."""
    return draw_pdf(
        *("".join(draw_line(72, 740 - 14 * row, line) for row, line in enumerate(lines)) for lines in pages)
    )


def draw_line(x: float, y: float, text: str) -> str:
    """PDF operators that show a line of text at this position, in points from the lower left corner."""
    return f"BT /F1 9 Tf {x} {y} Td ({text}) Tj ET\n"


def draw_pdf(*pages: str, xobjects: Mapping[str, str] | None = None) -> bytes:
    """A PDF of pages with these content streams; ``/F1`` is Helvetica.

    Args:
        pages: The content stream of each page.
        xobjects: Streams by ``draw_stream``, by their names in the resources of every page.
    """
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    first = 4 + 2 * len(pages)
    names = "".join(f"/{name} {first + index} 0 R " for index, name in enumerate(xobjects or {}))
    font = f"/Resources << /Font << /F1 3 0 R >> /XObject << {names}>> >>"
    for index, content in enumerate(pages):
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {font} /Contents {5 + 2 * index} 0 R >>",
            draw_stream(content),
        ]
    objects += (xobjects or {}).values()
    body, offsets = "%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


def draw_stream(content: str, entries: str = "") -> str:
    """A PDF stream object with these additional dictionary entries."""
    return f"<< {entries} /Length {len(content)} >>\nstream\n{content}\nendstream"


def make_docx(
    path: Path,
    body: str,
    parts: Mapping[str, str] | None = None,
    *,
    namespace: str = W,
    links: Mapping[str, str] | None = None,
    chunks: Mapping[str, str | bytes] | None = None,
) -> Path:
    """A Word file with this body.

    Args:
        path: Where it is written.
        body: The XML within ``w:body``.
        parts: Additional parts; their names give their types (``header1``), and they are ``r0``, ``r1``, … in the body.
        namespace: That of the elements.
        links: External addresses by the ids of their relations.
        chunks: Embedded documents by the names of their files, which are also the ids of their relations.
    """
    relations = "".join(
        f'<Relationship Id="r{index}" Type="{R}/{name.rstrip("0123456789")}" Target="{name}.xml"/>'
        for index, name in enumerate(parts or {})
    )
    relations += "".join(
        f'<Relationship Id="{key}" Type="{R}/hyperlink" Target="{address}" TargetMode="External"/>'
        for key, address in (links or {}).items()
    )
    relations += "".join(f'<Relationship Id="{name}" Type="{R}/aFChunk" Target="{name}"/>' for name in chunks or {})
    root = f'<Relationship Id="r" Type="{R}/officeDocument" Target="word/document.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{_PACKAGE}">{root}</Relationships>')
        archive.writestr(
            "word/_rels/document.xml.rels", f'<Relationships xmlns="{_PACKAGE}">{relations}</Relationships>'
        )
        archive.writestr("word/document.xml", f"<w:document {_spaces(namespace)}><w:body>{body}</w:body></w:document>")
        for name, content in (parts or {}).items():
            archive.writestr(f"word/{name}.xml", content)
        for name, chunk in (chunks or {}).items():
            archive.writestr(f"word/{name}", chunk)
    return path


def _spaces(namespace: str) -> str:
    spaces = {
        "w": namespace,
        "r": R,
        "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
        "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
        "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
        "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
        "c": "http://schemas.openxmlformats.org/drawingml/2006/chart",
        "dgm": "http://schemas.openxmlformats.org/drawingml/2006/diagram",
        "v": "urn:schemas-microsoft-com:vml",
        "w14": "http://schemas.microsoft.com/office/word/2010/wordml",
    }
    return " ".join(f'xmlns:{prefix}="{name}"' for prefix, name in spaces.items())


def paragraph(text: str, properties: str = "") -> str:
    """A Word paragraph."""
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
