"""PDF files with annotations, form fields, attached files and fonts that map their codes to any characters."""

from collections.abc import Mapping, Sequence

from tests.pipeline.documents import draw_line, draw_stream

FIRST_FREE = 20
"""The first number for objects of a test."""


def build_pdf(
    content: str = "",
    *,
    annotations: Sequence[str] = (),
    catalog: str = "",
    page: str = "",
    codes: Mapping[int, int] | None = None,
    objects: Mapping[int, str] | None = None,
) -> bytes:
    """A PDF of one page of 612 by 792 points.

    Args:
        content: Its operators. ``/F1`` is Helvetica; each character of ``/F2`` is half as wide as the font is high.
        annotations: Dictionaries, without brackets.
        catalog: More entries of the catalog.
        page: More entries of the page.
        codes: The Unicode characters of the codes of ``/F2``.
        objects: More objects, numbered from ``FIRST_FREE``.
    """
    mapped = "\n".join(f"<{code:02X}> <{_write_utf16(character)}>" for code, character in (codes or {}).items())
    to_unicode = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
        "1 begincodespacerange <00> <FF> endcodespacerange\n"
        f"{len(codes or {})} beginbfchar\n{mapped}\nendbfchar endcmap end end"
    )
    drawn = "".join(f"<< /Type /Annot {entries} >> " for entries in annotations)
    whole = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 4 0 R /F2 5 0 R >> >>"
        f" /Contents 6 0 R /Annots [{drawn}] {page} >>",
        4: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        5: "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /FirstChar 0 /LastChar 255"
        f" /Widths [{'500 ' * 256}] /ToUnicode 7 0 R >>",
        6: draw_stream(content),
        7: draw_stream(to_unicode),
        **(objects or {}),
    }
    return _write(whole)


def _write(objects: Mapping[int, str]) -> bytes:
    body, offsets = "%PDF-1.7\n", dict[int, int]()
    for number, item in sorted(objects.items()):
        offsets[number] = len(body)
        body += f"{number} 0 obj\n{item}\nendobj\n"
    table = "".join(f"{number} 1\n{offset:010} 00000 n \n" for number, offset in offsets.items())
    end = f"trailer\n<< /Size {max(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return f"{body}xref\n0 1\n0000000000 65535 f \n{table}{end}".encode("latin-1")


def _write_utf16(character: int) -> str:
    return chr(character).encode("utf-16-be").hex().upper()


def draw_mapped(x: float, y: float, text: str, codes: dict[int, int], *, spacing: float = 0) -> str:
    """Operators that show ``text`` from left to right with ``/F2``; ``codes`` receives the characters used."""
    numbers = {character: code for code, character in codes.items()}
    shown = ""
    for character in map(ord, text):
        code = numbers.setdefault(character, 33 + len(numbers))
        codes[code] = character
        shown += f"{code:02X}"
    return f"BT /F2 10 Tf {spacing} Tc {x} {y} Td <{shown}> Tj ET\n"


def write_text_string(text: str) -> str:
    """A PDF string of any characters (UTF-16)."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def make_annotated_pdf(text: str) -> bytes:
    """A PDF with a form field, a link, a note, a stamp and an attached file."""
    drawn = "/Type /XObject /Subtype /Form /BBox [0 0 200 20] /Resources << /Font << /F1 4 0 R >> >>"
    spec = f"<< /Type /Filespec /F (tolls.csv) /EF << /F {FIRST_FREE + 2} 0 R >> >>"
    return build_pdf(
        draw_line(72, 700, text),
        annotations=[
            "/Subtype /Widget /F 4 /Rect [300 697 400 711] /FT /Tx /T (ship) /V (Halcyon)",
            "/Subtype /Link /Rect [72 698 107 709] /A << /S /URI /URI (https://example.org/locks) >>",
            "/Subtype /Highlight /Rect [72 698 107 709] /T (Ada) /Contents (Check this)",
            f"/Subtype /Stamp /F 4 /Rect [72 600 272 620] /AP << /N {FIRST_FREE} 0 R >>",
        ],
        catalog=f"/AcroForm << /Fields [] >> /Names << /EmbeddedFiles << /Names [(a) {FIRST_FREE + 1} 0 R] >> >>",
        objects={
            FIRST_FREE: draw_stream("BT /F1 12 Tf 4 6 Td (PAID IN FULL) Tj ET", drawn),
            FIRST_FREE + 1: spec,
            FIRST_FREE + 2: draw_stream("ship,toll", "/Type /EmbeddedFile"),
        },
    )
