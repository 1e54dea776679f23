"""Office documents and EPUBs with loops, expansion, deep nesting and false declarations."""

import io
import tempfile
import zipfile
from functools import partial
from pathlib import Path

from app.domain.media import ODS, ODT
from tests.flows.zips import make_zip
from tests.fuzz.case import Source
from tests.pipeline import packages
from tests.pipeline.documents import W, make_docx, paragraph

Made = dict[tuple[str, str], Source]

_DEEP = 50_000
_TEXT = paragraph("The heron of the lock waits for the barge.")
_LAUGHS = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10)
)  # entity expansion, also called "billion laughs"
_ENTITIES = {
    "laughs": _LAUGHS + "]>",
    "one entity of a megabyte": f"<!DOCTYPE x [<!ENTITY a9 '{'x' * 500_000}'>]>",
    "a file of the machine": "<!DOCTYPE x [<!ENTITY a9 SYSTEM 'file:///etc/passwd'>]>",
    "an entity from afar": "<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/' [<!ENTITY % p SYSTEM 'http://127.0.0.1:9/'> %p;]>",
    "an entity in itself": "<!DOCTYPE x [<!ENTITY a9 '&a9;'>]>",
}


def make() -> Made:
    """The files by format and trick."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"
        return {
            **_make_entities(path),
            **_make_docx(path),
            **_make_xlsx(path),
            **_make_others(path),
            **_make_broken(path),
        }


def _rewrite(data: bytes, part: str, content: str | bytes) -> bytes:
    """The same zip with other content in a part."""
    return make_zip({**_parts(data), part: content.encode() if isinstance(content, str) else content})


def _split(content: str, mark: str) -> tuple[bytes, bytes, bytes]:
    """The text before the first such mark, a separating space, and the rest."""
    before, found, after = content.partition(mark)
    return before.encode(), b" ", (found + after).encode()


def _swell(data: bytes, part: str, pieces: tuple[bytes, bytes, bytes], times: int) -> bytes:
    """The same zip with the middle piece of a part repeated."""
    before, repeated, after = pieces
    return _rewrite(data, part, before + repeated * times + after)


def _parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _make_good(path: Path) -> dict[str, tuple[str, bytes]]:
    """A good document of each format, and the part that holds its text."""
    row = '<row r="1"><c r="A1"><v>1</v></c></row>'
    return {
        "docx": ("word/document.xml", make_docx(path, _TEXT).read_bytes()),
        "pptx": (
            "ppt/slides/slide1.xml",
            packages.make_pptx(path, [packages.slide(packages.shape("Heron"))]).read_bytes(),
        ),
        "xlsx": ("xl/worksheets/sheet9.xml", packages.make_xlsx(path, {"S": row}).read_bytes()),
        "epub": ("OEBPS/book.opf", packages.make_epub(path, ["<p>Heron</p>"]).read_bytes()),
        "odt": (
            "content.xml",
            packages.make_odf(path, ODT, "<office:text><text:p>Heron</text:p></office:text>").read_bytes(),
        ),
    }


def _make_entities(path: Path) -> Made:
    made: Made = {}
    for form, (part, data) in _make_good(path).items():
        content = _parts(data)[part].decode()
        for title, head in _ENTITIES.items():
            made[form, title] = _rewrite(data, part, head + content.replace("</", "&a9;</", 1) + "<!-- -->")
        made[form, "in another encoding"] = _rewrite(data, part, content.encode("utf-16"))
        made[form, "in no encoding"] = _rewrite(
            data, part, b'<?xml version="1.0" encoding="x-none"?>' + content.encode()
        )
        made[form, "of zeroes"] = partial(_swell, data, part, (b"", b"\0", b""), 150_000_000)
        made[form, "of space"] = partial(_swell, data, part, _split(content, "</"), 60_000_000)
        made[form, "nested"] = _rewrite(data, part, content.replace("</", "<a>" * _DEEP + "</a>" * _DEEP + "</", 1))
        attribute = _split(content.replace(">", ' a="">', 1), '">')
        made[form, "with an attribute of megabytes"] = partial(_swell, data, part, attribute, 12_000_000)
        made[form, "with many attributes"] = _rewrite(
            data, part, content.replace(">", " ".join(["", *(f'a{n}="x"' for n in range(100_000))]) + ">", 1)
        )
        made[form, "empty"] = _rewrite(data, part, b"")
    return made


def _make_docx(path: Path) -> Made:
    tables = "<w:tbl><w:tr><w:tc>"
    styles = "".join(
        f'<w:style w:styleId="{n}"><w:basedOn w:val="{(n + 1) % 50}"/><w:pPr><w:numPr><w:ilvl w:val="{n - 5}"/>'
        "</w:numPr></w:pPr></w:style>"
        for n in range(50)
    )
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="{n}99999999999"/><w:lvlText w:val="{"%1%2%9" * 50}"/>'
        '<w:numFmt w:val="upperRoman"/></w:lvl>'
        for n in range(-1, 12)
    )
    numbering = f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="1">{levels}</w:abstractNum>'
    numbering += '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
    listed = '<w:pStyle w:val="3"/><w:numPr><w:ilvl w:val="999999999"/><w:numId w:val="1"/></w:numPr>'
    bodies = {
        "tables in tables": (tables * 2000 + _TEXT + "</w:tc></w:tr></w:tbl>" * 2000, {}),
        "paragraphs in paragraphs": ("<w:p><w:r>" * 100 + _TEXT + "</w:r></w:p>" * 100, {}),
        "a quarter million paragraphs": (_TEXT * 250_000, {}),
        "lists of the millionth level": (
            paragraph("x", listed) * 500 + paragraph("y", listed.replace("999999999", "-1")),
            {"numbering": numbering, "styles": f'<w:styles xmlns:w="{W}">{styles}</w:styles>'},
        ),
        "Roman numbers of a thousand million": (
            paragraph("x", listed.replace("999999999", "4")) * 200,
            {"numbering": numbering},
        ),
        "fields without end": (
            "<w:p>" + '<w:r><w:fldChar w:fldCharType="begin"/></w:r>' * _DEEP + "</w:p>" + _TEXT,
            {},
        ),
        "text of zeroes": (paragraph("&#1;"), {}),
    }
    return {("docx", title): make_docx(path, body, parts).read_bytes() for title, (body, parts) in bodies.items()}


def _make_styles() -> str:
    formats = [
        "[h]:mm:ss" * 500,
        "[" * 5000,
        '"' * 5001,
        "yyyy" * 2000,
        "\\" * 5001,
        "0" * 5000,
        "[$-F800]dddd;@" * 300,
    ]
    return (
        "<numFmts>"
        + "".join(
            f'<numFmt numFmtId="{200 + n}" formatCode="{code.replace(chr(34), "&quot;")}"/>'
            for n, code in enumerate(formats)
        )
        + "</numFmts><cellXfs><xf/>"
        + "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(formats)))
        + "</cellXfs>"
    )


def _make_xlsx(path: Path) -> Made:
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>Heron</t></is></c></row>'
    rows = {
        "cells at the far end": '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>' * 200,
        "rows beyond any end": f'<row r="{10**18}"><c r="{"Z" * 3000}1"><v>1</v></c></row>' + cell,
        "shared strings that are not there": "".join(
            f'<row><c t="s"><v>{n}</v></c></row>' for n in (-1, 999999999, "x")
        ),
        "styles that are not there": '<row><c s="-1"><v>1</v></c><c s="99999999999"><v>1e308</v></c></row>' + cell,
        "numbers that are none": "".join(
            f'<row><c s="1"><v>{number}</v></c></row>'
            for number in ("nan", "inf", "-1e308", "1e999", "9" * 5000, "2958466", "-0.5", "")
        ),
        "half a million cells": "<row>" + "<c><v>1</v></c>" * 500_000 + "</row>",
        "dates by the thousand": "".join(f'<row><c s="1"><v>{n}e{n % 300}</v></c></row>' for n in range(3000)),
    }
    styles = _make_styles()
    made: Made = {
        ("xlsx", title): packages.make_xlsx(path, {"S": row}, styles=styles).read_bytes() for title, row in rows.items()
    }
    every = "".join(f'<row><c s="{n}"><v>45000.5</v></c></row>' for n in range(12))
    made["xlsx", "formats that are none"] = packages.make_xlsx(path, {"S": every}, styles=styles).read_bytes()
    made["xlsx", "a thousand sheets"] = packages.make_xlsx(path, {str(n): "" for n in range(1000)}).read_bytes()
    return made


def _make_odf(path: Path) -> Made:
    huge = 2**31 - 1
    bodies = {
        "cells repeated": f'<table:table><table:table-row table:number-rows-repeated="{huge}"><table:table-cell '
        f'table:number-columns-repeated="{huge}"><text:p>x</text:p></table:table-cell></table:table-row></table:table>',
        "cells repeated beyond numbers": f'<table:table><table:table-row table:number-rows-repeated="{"9" * 5000}">'
        '<table:table-cell table:number-columns-repeated="-5"><text:p>x</text:p></table:table-cell></table:table-row>'
        "</table:table>",
        "spaces repeated": f'<text:p>a<text:s text:c="{huge}"/>b</text:p>' * 50,
        "lists in lists": "<text:list><text:list-item>" * 5000 + "</text:list-item></text:list>" * 5000,
        "spans in spans": "<text:p>" + "<text:span>" * 200 + "x" + "</text:span>" * 200 + "</text:p>",
    }
    made: Made = {}
    for title, body in bodies.items():
        for form, kind, outer in (("ods", ODS, "spreadsheet"), ("odt", ODT, "text")):
            content = f"<office:{outer}>{body}</office:{outer}>"
            made[form, title] = packages.make_odf(path, kind, content).read_bytes()
    return made


def _make_others(path: Path) -> Made:
    slide = packages.slide(packages.shape("Heron"))
    deck = packages.make_pptx(path, [slide]).read_bytes()
    shown = _parts(deck)["ppt/presentation.xml"].decode()
    book = packages.make_epub(path, ["<p>Heron</p>"]).read_bytes()
    spine = _parts(book)["OEBPS/book.opf"].decode()
    made: Made = {
        ("pptx", "the same slide a hundred thousand times"): _rewrite(
            deck,
            "ppt/presentation.xml",
            shown.replace('<p:sldId id="256" r:id="r0"/>', '<p:sldId r:id="r0"/>' * 100_000),
        ),
        ("pptx", "groups in groups"): packages.make_pptx(
            path, [packages.slide("<p:grpSp>" * 200 + packages.shape("x") + "</p:grpSp>" * 200)]
        ).read_bytes(),
        ("epub", "the same chapter a hundred thousand times"): _rewrite(
            book, "OEBPS/book.opf", spine.replace('<itemref idref="c0"/>', '<itemref idref="c0"/>' * 100_000)
        ),
        ("epub", "its chapter is itself"): _rewrite(
            book, "OEBPS/book.opf", spine.replace("text/", "../OEBPS/book.opf?")
        ),
        ("epub", "its book is its container"): _rewrite(
            book,
            "META-INF/container.xml",
            _parts(book)["META-INF/container.xml"].replace(b"OEBPS/book.opf", b"META-INF/container.xml"),
        ),
        ("epub", "chapters that nest"): packages.make_epub(path, ["<div>" * 20_000]).read_bytes(),
    }
    made.update(_make_odf(path))
    return made


def _make_broken(path: Path) -> Made:
    made: Made = {}
    for form, (part, data) in _make_good(path).items():
        parts = _parts(data)
        made[form, "without its text"] = make_zip({name: item for name, item in parts.items() if name != part})
        made[form, "with a thousand parts more"] = make_zip({**parts, **{f"x{n}": b"" for n in range(1000)}})
        made[form, "related to itself"] = make_zip(
            {name: item.replace(b"Target=", b'Target="../../../etc/passwd" X=') for name, item in parts.items()}
        )
        made[form, "wrapped in a password"] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + data[:500]
        made[form, "cut in half"] = data[: len(data) // 2]
    return made
