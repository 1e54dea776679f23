"""PDF files with loops, expansion, deep nesting and false declarations."""

import zlib
from collections.abc import Mapping
from functools import cache, partial

from tests.fuzz.case import Source

_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>"
_TEXT = "BT /F1 12 Tf 72 720 Td (The heron of the lock waits for the barge.) Tj ET"
_DEEP = 100_000
_BOMB = 300 * 1024 * 1024


def _stream(content: str | bytes, entries: str = "", length: str | None = None) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return f"<< /Length {length or len(data)} {entries} >>\nstream\n".encode() + data + b"\nendstream"


def _build(objects: Mapping[int, str | bytes], trailer: str = "", startxref: int | None = None) -> bytes:
    """A PDF of the usual five objects, with these replaced or added."""
    whole: dict[int, str | bytes] = {
        1: "<< /Type /Catalog /Pages 2 0 R >>",
        2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: _PAGE,
        4: _FONT,
        5: _stream(_TEXT),
        **objects,
    }
    body, offsets = b"%PDF-1.7\n", dict[int, int]()
    for number, item in sorted(whole.items()):
        offsets[number] = len(body)
        body += b"%d 0 obj\n%b\nendobj\n" % (number, item.encode() if isinstance(item, str) else item)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % entry for entry in offsets.items())
    size = max(whole) + 1
    end = f"trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{startxref or len(body)}\n%%EOF\n"
    return body + b"xref\n0 1\n0000000000 65535 f \n" + table + end.encode()


def make() -> dict[str, Source]:
    """The files by their tricks."""
    return {
        **_make_trees(),
        **_make_contents(),
        **_make_numbers(),
        **_make_bombs(),
        **_make_nests(),
        **_make_fonts(),
        **_make_tables(),
    }


def _make_trees() -> dict[str, bytes]:
    return {
        "page tree holds itself": _build({2: "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"}),
        "page tree holds its parent": _build(
            {2: "<< /Type /Pages /Kids [6 0 R 3 0 R] /Count 2 >>", 6: "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"}
        ),
        "page is its own parent": _build({3: _PAGE.replace("/Parent 2", "/Parent 3")}),
        "page tree inherits from itself": _build(
            {2: "<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>", 3: "<< /Type /Page /Parent 2 0 R >>"}
        ),
        "the same page a hundred thousand times": _build(
            {2: f"<< /Type /Pages /Kids [{'3 0 R ' * _DEEP}] /Count {_DEEP} >>"}
        ),
        "page trees doubled forty times": _build(
            {
                2: "<< /Type /Pages /Kids [10 0 R 10 0 R] /Count 99 >>",
                **{n: f"<< /Type /Pages /Kids [{n + 1} 0 R {n + 1} 0 R] /Count 9 >>" for n in range(10, 50)},
                50: _PAGE,
            }
        ),
    }


def _make_contents() -> dict[str, bytes]:
    form = "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R /Y 7 0 R >> >>"
    calling = _PAGE.replace("/Font <<", "/XObject << /X 6 0 R >> /Font <<")
    return {
        "form calls itself": _build({3: calling, 5: _stream("/X Do"), 6: _stream("/X Do", form)}),
        "forms call each other": _build(
            {3: calling, 5: _stream("/X Do"), 6: _stream("/Y Do /Y Do", form), 7: _stream("/X Do /X Do", form)}
        ),
        "forms doubled forty times": _build(
            {
                3: calling.replace("/X 6", "/X 10"),
                5: _stream("/X Do"),
                **{
                    n: _stream(
                        "/N Do /N Do",
                        f"/Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /N {n + 1} 0 R >> >>",
                    )
                    for n in range(10, 50)
                },
                50: _stream(_TEXT, form),
            }
        ),
        "contents are a hundred thousand streams": _build({3: _PAGE.replace("5 0 R", f"[{'5 0 R ' * _DEEP}]")}),
        "contents are the page": _build({3: _PAGE.replace("5 0 R", "3 0 R")}),
        "catalog is a page": _build({1: "<< /Type /Catalog /Pages 3 0 R >>"}),
    }


def _make_numbers() -> dict[str, bytes]:
    huge = 2**31 - 1
    return {
        "two thousand million pages": _build({2: f"<< /Type /Pages /Kids [3 0 R] /Count {huge} >>"}),
        "fewer than no pages": _build({2: "<< /Type /Pages /Kids [3 0 R] /Count -1 >>"}),
        "number of four thousand digits": _build({2: f"<< /Type /Pages /Kids [3 0 R] /Count {'9' * 5000} >>"}),
        "page without end": _build({3: _PAGE.replace("612 792", f"{huge} {huge}")}),
        "page of no number": _build({3: _PAGE.replace("612 792", "nan (x)")}),
        "stream longer than the file": _build({5: _stream(_TEXT, length=str(huge))}),
        "stream as long as itself": _build({5: _stream(_TEXT, length="5 0 R")}),
        "rows of two thousand million columns": _build(
            {
                5: _stream(
                    zlib.compress(b"\2" * 999), f"/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns {huge} >>"
                )
            }
        ),
        "predictor of huge samples": _build(
            {
                5: _stream(
                    zlib.compress(b"\2" * 999),
                    f"/Filter /FlateDecode /DecodeParms << /Predictor 2 /Colors {huge} /Columns 9 >>",
                )
            }
        ),
        "picture of a million by a million": _build(
            {5: _stream("BI /W 1000000 /H 1000000 /BPC 8 /CS /RGB ID x EI " + _TEXT)}
        ),
        "text at a place beyond numbers": _build({5: _stream(_TEXT.replace("72 720", f"{'9' * 400} -1e400"))}),
    }


@cache
def _pack_zeroes() -> bytes:
    return zlib.compress(bytes(_BOMB), 9)


def _stream_bomb(
    number: int, entries: str, trailer: str = "", *, twice: bool = False, size: int | None = None
) -> bytes:
    """A file whose object of this number is a decompression bomb: packed once or twice, complete or cut to a size."""
    bomb = _pack_zeroes()[:size]
    return _build({number: _stream(zlib.compress(bomb, 9) if twice else bomb, entries)}, trailer)


def _hide_table(entries: str) -> bytes:
    return _stream_bomb(6, entries).replace(b"trailer", b"trailor")


def _make_bombs() -> dict[str, Source]:
    text = zlib.compress((_TEXT.encode() + b"\n") * 400_000, 9)
    flate = "/Filter /FlateDecode"
    table = f"/Type /XRef /W [1 4 2] /Size 100000000 /Root 1 0 R {flate}"
    objects = f"/Type /ObjStm /N 100000000 /First 10 {flate}"
    return {
        "stream of zeroes": partial(_stream_bomb, 5, flate),
        "stream packed twice": partial(_stream_bomb, 5, "/Filter [/FlateDecode /FlateDecode]", twice=True),
        "stream packed a thousand times": partial(_stream_bomb, 5, f"/Filter [{'/FlateDecode ' * 1000}]", size=5000),
        "text shown four hundred thousand times": _build({5: _stream(text, flate)}),
        "run-length bomb": _build({5: _stream(b"\x81 " * 300_000, "/Filter [/RunLengthDecode /RunLengthDecode]")}),
        "table of objects is a bomb": partial(_hide_table, table),
        "stream of objects is a bomb": partial(_stream_bomb, 6, objects, "/XRefStm 6"),
    }


def _make_nests() -> dict[str, bytes]:
    return {
        "arrays in arrays": _build({6: "[" * _DEEP + "]" * _DEEP}, "/Info 6 0 R"),
        "dictionaries in dictionaries": _build({6: "<</A" * _DEEP + "1" + ">>" * _DEEP}, "/Info 6 0 R"),
        "arrays that are never closed": _build({2: "[" * _DEEP}),
        "brackets in brackets": _build({6: f"<< /Title {'(' * _DEEP}{')' * _DEEP} >>"}, "/Info 6 0 R"),
        "states saved without end": _build({5: _stream("q " * _DEEP * 3 + _TEXT)}),
        "texts begun without end": _build({5: _stream("BT " * _DEEP * 3 + _TEXT)}),
        "marks without end": _build({5: _stream("/P << /MCID 0 >> BDC " * _DEEP + _TEXT)}),
        "title of halves and zeroes": _build(
            {6: b"<< /Title <FEFFD8000000DC00D800> /Author (\\000\\377) /CreationDate (D:99999999999999) >>"},
            "/Info 6 0 R",
        ),
        "title is the file's own tree": _build({6: "<< /Title 6 0 R /Author 2 0 R >>"}, "/Info 6 0 R"),
    }


def _make_fonts() -> dict[str, bytes]:
    ranges = "1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange\n" * 1000
    cmap = f"/CIDInit /ProcSet findresource begin begincmap {ranges} endcmap"
    shapes = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 0 /LastChar 255"
    return {
        "letters without number": _build({4: _FONT.replace(">>", "/ToUnicode 6 0 R >>"), 6: _stream(cmap)}),
        "widths without number": _build({4: _FONT.replace(">>", "/FirstChar -5 /LastChar 2147483647 /Widths [1] >>")}),
        "letter drawn by itself": _build(
            {
                4: f"{shapes} /Encoding << /Differences [0 /T /h /e] >> /CharProcs << /T 6 0 R /h 6 0 R /e 6 0 R >> "
                "/Resources << /Font << /F1 4 0 R >> >> >>",
                6: _stream(f"9 0 d0 {_TEXT}"),
            }
        ),
        "font descends from itself": _build(
            {4: "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [4 0 R] >>"}
        ),
        "encoding is the font": _build({4: _FONT.replace(">>", "/Encoding 4 0 R /ToUnicode 4 0 R >>")}),
        "font file is noise": _build(
            {
                4: "<< /Type /Font /Subtype /TrueType /BaseFont /A /FontDescriptor 6 0 R >>",
                6: "<< /Type /FontDescriptor /FontName /A /FontFile2 7 0 R /Flags 4 >>",
                7: _stream(b"\0\1\0\0\xff\xff" + bytes(range(256)) * 200),
            }
        ),
    }


def _make_tables() -> dict[str, bytes]:
    whole = _build({})
    return {
        "nothing but a beginning": b"%PDF-1.7\n",
        "beginning, then zeroes": b"%PDF-1.7\n" + bytes(500_000),
        "a million objects that do not end": b"%PDF-1.7\n" + b"1 0 obj\n" * 150_000,
        "earlier table is this one": _build({}, "/Prev 600").replace(
            b"/Prev 600", b"/Prev %d" % whole.find(b"xref\n0 1")
        ),
        "table begins nowhere": _build({}, startxref=2**31 - 1),
        "table of two thousand million": whole.replace(b"xref\n0 1", b"xref\n0 2147483647"),
        "root is missing": _build({1: "null"}),
        "locked by nonsense": _build(
            {6: "<< /Filter /Standard /V 99 /R -1 /O () /U () /P 0 >>"}, "/Encrypt 6 0 R /ID [() ()]"
        ),
        "locked by itself": _build({6: "<< /Filter 6 0 R /V 6 0 R >>"}, "/Encrypt 6 0 R"),
        "objects in a stream in itself": _build(
            {6: _stream("6 0 << /Type /ObjStm >>", "/Type /ObjStm /N 1 /First 4 /Extends 6 0 R")}, "/XRefStm 6"
        ),
        "table of no width": _build(
            {6: _stream(b"x" * 99, "/Type /XRef /W [2147483647 2147483647 -1] /Size 9 /Index [0 9]")}
        ),
    }
