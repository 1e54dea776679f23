"""Good documents of every format, small, to be mutated."""

import gzip
import io
import json
import struct
import tempfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from importlib.util import find_spec
from pathlib import Path

from app.domain.media import ODP, ODS, ODT
from tests.flows.zips import make_zip
from tests.pipeline import packages
from tests.pipeline.binary_workbooks import cell, label, make_xls, make_xlsb, number, part, record, row, words
from tests.pipeline.binary_workbooks import text as xls_text
from tests.pipeline.compound_files import make_message
from tests.pipeline.documents import W, make_docx, make_lined_pdf, make_pdf, paragraph
from tests.pipeline.legacy_files import make_doc, make_ppt, shape, slide, table_group, text_records
from tests.pipeline.pdf_files import make_annotated_pdf
from tests.pipeline.pictures import make_png
from tests.pipeline.tars import make_tar

_CORPUS_BYTES = 300_000
_LINES = [f"The heron of lock {number} waits for the barge at gate {number % 7}." for number in range(40)]
_TABLE = (
    "<w:tbl>" + "<w:tr><w:tc><w:p><w:r><w:t>lock</w:t></w:r></w:p></w:tc><w:tc/></w:tr>" * 3 + "</w:tbl>"
)  # rows as Word writes them
_HTML = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Locks</title><meta name="author" content="Ada">'
    "</head><body><nav><a href='/'>Home</a><a href='/locks'>Locks</a></nav><article><h1>Locks</h1>"
    + "".join(f"<p>{line} <b>Bold</b> &amp; <a href='#{n}'>linked</a>.</p>" for n, line in enumerate(_LINES))
    + "<table><tr><th>Lock</th><th>Fall</th></tr><tr><td>Alder</td><td>2.4</td></tr></table><ul><li>One<li>Two</ul>"
    "<pre>as  it   is</pre></article><footer>Canal trust</footer></body></html>"
)
_WORD_OBJECTS = (
    '<w:p><w:hyperlink r:id="k"><w:r><w:t>locks</w:t></w:r></w:hyperlink><w:r><w:fldChar w:fldCharType="begin"/>'
    '<w:instrText>HYPERLINK "https://example.org"</w:instrText><w:fldChar w:fldCharType="separate"/><w:t>link</w:t>'
    '<w:fldChar w:fldCharType="end"/><w:sym w:font="Wingdings" w:char="F0FE"/><w:footnoteReference w:id="1"/></w:r>'
    "<m:oMath><m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath>"
    '<w:r><w:drawing><wp:inline><wp:docPr id="1" name="p" descr="A lock"/><c:chart r:id="r3"/><dgm:relIds r:dm="r4"/>'
    '</wp:inline></w:drawing></w:r></w:p><w:altChunk r:id="a.html"/>'
)
_SLIDE_OBJECTS = (
    '<p:graphicFrame><p:xfrm><a:off x="1" y="9"/></p:xfrm><c:chart xmlns:c="c" r:id="c"/></p:graphicFrame>'
    '<p:graphicFrame><a:tbl><a:tr><a:tc gridSpan="2"><a:txBody><a:p><a:r><a:t>a</a:t></a:r></a:p></a:txBody></a:tc>'
    '<a:tc hMerge="1"/></a:tr></a:tbl></p:graphicFrame><p:grpSp><p:cxnSp/></p:grpSp>'
)
_ODF_OBJECTS = (
    '<text:list text:style-name="L"><text:list-item text:start-value="3"><text:p>one<text:a xlink:href="https://a.org">b'
    "</text:a></text:p></text:list-item></text:list><table:table><table:table-row><table:table-cell "
    'table:number-columns-spanned="2" table:number-rows-spanned="2"><text:p>a</text:p></table:table-cell>'
    "<table:covered-table-cell/></table:table-row></table:table><text:p><draw:frame><svg:title>A lock</svg:title>"
    '<draw:object xlink:href="./Object 1"/></draw:frame></text:p>'
)
_ODS_TABLE = '<table:table table:name="Locks">' + "".join(
    '<table:table-row table:number-rows-repeated="2"><table:table-cell office:value-type="string"><text:p>'
    f'{line}</text:p></table:table-cell><table:table-cell table:number-columns-repeated="3" office:value="{n}"/>'
    "</table:table-row>"
    for n, line in enumerate(_LINES)
) + "</table:table>"  # fmt: skip
_ODP_PAGE = (
    '<draw:page draw:name="Locks"><draw:frame presentation:class="title" svg:x="1cm" svg:y="1cm"><draw:text-box>'
    f"<text:p>{_LINES[0]}</text:p></draw:text-box></draw:frame>{_ODF_OBJECTS}</draw:page>"
)
_RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\info{\title Locks}{\author Ada}}"
    + "".join(rf"\pard {line}\par\b bold\b0\u8364?\'e9\par{{\*\bkmkstart x}}" for line in _LINES)
    + r"\trowd\clvmgf\cellx900\cellx1800\pard\intbl a\cell b{\super 2}\cell\row"
    + r"\pard\itap2 c\nestcell{\*\nesttableprops\nestrow}"
    + r'{\field{\*\fldinst HYPERLINK "https://example.org"}{\fldrslt link}}\chftn{\footnote note}{\header head}}'
)
_NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": [f"# Locks\n{line}\n"]}
            if number % 2
            else {"cell_type": "code", "source": line, "outputs": [{"output_type": "stream", "text": [line]}]}
            for number, line in enumerate(_LINES)
        ],
        "nbformat": 4,
    }
)
_CALENDAR = (
    "BEGIN:VCALENDAR\r\nX-WR-CALNAME:Locks\r\n"
    + "".join(
        f"BEGIN:VEVENT\r\nSUMMARY:{line}\r\nDTSTART;TZID=Europe/Berlin:202403{n % 28 + 1:02}T090000\r\n"
        "DURATION:PT1H\r\nATTENDEE;CN=Ada:mailto:ada@example.com\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nEND:VEVENT\r\n"
        for n, line in enumerate(_LINES)
    )
    + "END:VCALENDAR\r\n"
)
_PICTURE = make_png([bytes(200 if x // 9 % 2 else 20 for x in range(90))] * 60)
_MARKDOWN = "---\ntitle: Locks\nauthor: Ada\n---\n# Locks\n\n" + "\n".join(f"- {line}" for line in _LINES)

_XLS_TEXTS = record(0xFC, struct.pack("<II", 40, 40) + b"".join(map(xls_text, _LINES)))
_XLS_ROWS = b"".join(
    cell(0xFD, n, 0, struct.pack("<I", n)) + number(n, 1, n * 1.5, n % 3) + label(n, 2, f"Gate {n}") for n in range(40)
) + record(0xE5, struct.pack("<5H", 1, 2, 4, 0, 0))
_XLSB_ROWS = b"".join(
    row(n, (7, 0, struct.pack("<I", n)), (5, 1, struct.pack("<d", n * 1.5), n % 2), (6, 2, words(f"Gate {n}")))
    for n in range(40)
) + part(176, struct.pack("<4I", 2, 4, 0, 0))


def make_seeds(corpus: Path | None) -> Mapping[str, Sequence[bytes]]:
    """Files by format: those made here, and those of the corpus where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = _make_seeds(Path(folder))
    for path in sorted(corpus.glob("good/*")) if corpus else []:
        form = path.suffix[1:].lower()
        if form in seeds and path.stat().st_size <= _CORPUS_BYTES:
            seeds[form].append(path.read_bytes())
    return seeds


def _make_seeds(folder: Path) -> dict[str, list[bytes]]:
    made = {**_make_zipped(folder), **_make_plain()}
    members = {f"locks/{form}.{form}": files[0] for form, files in made.items()}
    inner = make_zip({"note.txt": b"A note on locks.", "deep.md": b"# Deep\n\nDown."})
    made["zip"] = [make_zip(members), make_zip({"inner.zip": inner, "a.txt": b"The first.", "b.html": _HTML.encode()})]
    return {
        **made,
        **_make_archives(folder, {"note.txt": b"A note on locks.", "b.html": _HTML.encode(), "a.zip": inner}),
    }


def _make_archives(folder: Path, files: Mapping[str, bytes]) -> dict[str, list[bytes]]:
    """Archives and pictures of the other formats, of 7-Zip and JPEG only where their libraries are installed."""
    modes = {"tar": "w", "tgz": "w:gz", "tbz2": "w:bz2", "txz": "w:xz"}
    made = {form: [make_tar(folder / form, files.items(), mode=mode).read_bytes()] for form, mode in modes.items()}
    made["gz"] = [gzip.compress(_HTML.encode())]
    if find_spec("PIL"):
        from PIL import Image  # noqa: PLC0415, an extra

        with Image.open(io.BytesIO(_PICTURE)) as picture:
            for form in ("jpeg", "tiff", "webp", "bmp"):
                picture.save(folder / form, form)
                made[form] = [(folder / form).read_bytes()]
    if find_spec("py7zr"):
        import py7zr  # noqa: PLC0415, an extra

        with py7zr.SevenZipFile(folder / "7z", "w") as archive:
            for name, content in files.items():
                archive.writestr(content, name)
        made["7z"] = [(folder / "7z").read_bytes()]
    return made


def _make_zipped(folder: Path) -> dict[str, list[bytes]]:
    body = paragraph("Locks", '<w:pStyle w:val="Heading1"/>') + "".join(map(paragraph, _LINES)) + _TABLE
    slides = [packages.slide(packages.shape("Locks", place="title"), packages.shape(*_LINES[:5])) for _ in range(3)]
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{n % 2}</v></c><c r="B{n}" s="0"><v>{n}.5</v></c></row>'
        for n in range(1, 40)
    )
    text = "".join(f"<text:p>{line}</text:p>" for line in _LINES)
    parts = dict.fromkeys(("header1", "styles", "footnotes"), f'<w:x xmlns:w="{W}"/>')
    chart = packages.chart("Falls", ["Alder", "Birch"], {"2024": [2.4, 3]})
    parts |= {"chart1": chart, "diagramData1": packages.diagram("Dig", "Fill")}
    slides.append(packages.slide(_SLIDE_OBJECTS))
    related = {"ppt/slides/_rels/slide1.xml.rels": packages.relate(("c", "chart", "../c.xml")), "ppt/c.xml": chart}
    chunks, links = {"a.html": _HTML}, {"k": "https://example.org"}
    paths = {
        "docx": make_docx(folder / "docx", body + _WORD_OBJECTS, parts, chunks=chunks, links=links),
        "pptx": packages.make_pptx(folder / "pptx", slides, related),
        "xlsx": packages.make_xlsx(folder / "xlsx", {"Locks": rows}, strings=["<t>Alder</t>", "<t>Birch</t>"]),
        "xls": make_xls(folder / "xls", {"Locks": _XLS_ROWS}, formats=["00000", "d mmm yyyy"], before=_XLS_TEXTS),
        "xlsb": make_xlsb(folder / "xlsb", {"Locks": _XLSB_ROWS}, formats=["0.0%"], strings=_LINES),
        "epub": packages.make_epub(folder / "epub", [f"<h1>Locks</h1><p>{line}</p>" for line in _LINES[:4]]),
        "odt": packages.make_odf(folder / "odt", ODT, f"<office:text>{text}{_ODF_OBJECTS}</office:text>"),
        "ods": packages.make_odf(folder / "ods", ODS, f"<office:spreadsheet>{_ODS_TABLE}</office:spreadsheet>"),
        "odp": packages.make_odf(folder / "odp", ODP, f"<office:presentation>{_ODP_PAGE}</office:presentation>"),
        "fodt": packages.make_flat_odf(folder / "fodt", ODT, f"<office:text>{text}{_ODF_OBJECTS}</office:text>"),
    }
    return {form: [path.read_bytes()] for form, path in paths.items()}


def _make_plain() -> dict[str, list[bytes]]:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ada@example.com", "bob@example.com", "Löcks"
    mail["Message-ID"] = "<1@example.com>"
    mail.set_content("\n".join(_LINES))
    mail.add_alternative(_HTML, subtype="html")
    mail.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="a.csv")
    table = "lock,fall,note\n" + "\n".join(f'{n},{n}.5,"{line}"' for n, line in enumerate(_LINES))
    return {
        "pdf": [make_lined_pdf(_LINES, _LINES[::-1]), make_pdf(*_LINES[:8]), make_annotated_pdf(_LINES[0])],
        "html": [_HTML.encode()],
        "rtf": [_RTF.encode()],
        "eml": [mail.as_bytes()],
        "mbox": [(b"From ada@example.com Tue Mar  5 10:00:00 2024\n" + mail.as_bytes() + b"\n") * 3],
        "msg": [make_message({0x0037: "Locks", 0x1000: "\n".join(_LINES), 0x1013: _HTML.encode(), 0x0C1A: "Ada"})],
        "ics": [_CALENDAR.encode()],
        "csv": [table.encode(), table.replace(",", ";").encode("utf-16")],
        "md": [_MARKDOWN.encode()],
        "ipynb": [_NOTEBOOK.encode()],
        "mhtml": [_make_saved_page()],
        "doc": [
            make_doc({0: "\r".join(_LINES) + "\rlock\x07fall\x07\x07\r", 1: "A note\r"}),
            make_doc({0: "Locks\r"}, narrow=True),
        ],
        "ppt": [
            make_ppt([slide(shape(text_records(line), 0, 9), table_group([["lock", "fall"]])) for line in _LINES[:4]])
        ],
        "png": [_PICTURE],
        "txt": ["\n".join(_LINES).encode(), "Ærø: naïve café. 鷺は水門で待つ。".encode() * 20],
    }


def _make_saved_page() -> bytes:
    page = EmailMessage()
    page["From"], page["Snapshot-Content-Location"] = "<Saved by Blink>", "https://locks.example.org/a"
    page["Subject"] = "Locks"
    page.set_content(_HTML, subtype="html")
    page.add_related(b"GIF89a", maintype="image", subtype="gif", filename="a.gif")
    return page.as_bytes()
