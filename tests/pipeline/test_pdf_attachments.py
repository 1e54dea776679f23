"""Files within a PDF, and forms and portfolios whose page is not their content."""

from pathlib import Path
from types import SimpleNamespace

import pypdfium2.raw as pdfium_raw
import pytest

from app.domain.documents import Attachment, Parsed
from app.domain.errors import NoExtractableTextError
from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from tests.pipeline.documents import draw_line, draw_stream
from tests.pipeline.pdf_files import build_pdf, write_text_string

PROSE = "The tolls are in the files within."
TOLLS = "ship,toll\nHalcyon,41\n"
both_readers = pytest.mark.parametrize("fallback", [False, True])


def embed(name: str, number: int = 20, content: str = TOLLS) -> tuple[str, dict[int, str]]:
    """The catalog entry and the objects of an embedded file."""
    text = write_text_string(name)
    spec = f"<< /Type /Filespec /F {text} /UF {text} /EF << /F {number + 1} 0 R >> >>"
    objects = {number: spec, number + 1: draw_stream(content, "/Type /EmbeddedFile")}
    return f"/Names << /EmbeddedFiles << /Names [{text} {number} 0 R] >> >>", objects


def read(folder: Path, data: bytes, *, fallback: bool = False, limits: Limits | None = None) -> Parsed:
    path = folder / "holding.pdf"
    path.write_bytes(data)
    return parse(path, PDF, fallback=fallback, limits=limits)


@both_readers
def test_an_embedded_file_is_named_and_returned(tmp_path: Path, fallback: bool) -> None:
    catalog, objects = embed("Gebühren 2024.csv")
    parsed = read(tmp_path, build_pdf(draw_line(72, 700, PROSE), catalog=catalog, objects=objects), fallback=fallback)
    assert parsed.pages[0].text == f"{PROSE}\n\nAttachments: Gebühren 2024.csv"
    assert parsed.attachments == [Attachment("Gebühren 2024.csv", TOLLS.encode())]


def test_a_page_without_text_is_listed_though_the_names_of_files_are_written_on_it(tmp_path: Path) -> None:
    catalog, objects = embed("tolls.csv")
    parsed = read(tmp_path, build_pdf("", catalog=catalog, objects=objects))
    assert [page.text for page in parsed.pages] == ["Attachments: tolls.csv"]
    assert parsed.metadata["pages_without_text"] == [1]


def test_a_file_that_an_annotation_attaches_is_named_and_returned(tmp_path: Path) -> None:
    _, objects = embed("quay/tolls.csv")
    pin = "/Subtype /FileAttachment /Rect [300 700 320 720] /FS 20 0 R /Contents (The tolls of May)"
    parsed = read(tmp_path, build_pdf(draw_line(72, 700, PROSE), annotations=[pin], objects=objects))
    assert parsed.pages[0].text == f"{PROSE}\nNote: The tolls of May\n\nAttachments: tolls.csv"
    assert parsed.attachments == [Attachment("tolls.csv", TOLLS.encode())]


@both_readers
def test_a_file_beyond_the_limits_is_only_named(tmp_path: Path, fallback: bool) -> None:
    catalog, objects = embed("tolls.csv")
    data = build_pdf(draw_line(72, 700, PROSE), catalog=catalog, objects=objects)
    parsed = read(tmp_path, data, limits=Limits(inflated_bytes=10), fallback=fallback)
    assert parsed.pages[0].text.endswith("Attachments: tolls.csv")
    assert not parsed.attachments


def test_a_file_with_many_names_is_unpacked_within_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []

    def get_file(*arguments: object) -> bool:
        unpacked.append(1)
        return bool(pdfium_raw.FPDFAttachment_GetFile(*arguments))

    library = SimpleNamespace(**{**vars(pdfium_raw), "FPDFAttachment_GetFile": get_file})
    monkeypatch.setattr("app.pipeline.parse.pdf.attachments.pdfium_raw", library)
    _, objects = embed("a.csv")
    names = " ".join(f"(name {number:03}) 20 0 R" for number in range(200))
    catalog = f"/Names << /EmbeddedFiles << /Names [{names}] >> >>"
    document = build_pdf(draw_line(72, 700, PROSE), catalog=catalog, objects=objects)
    parsed = read(tmp_path, document, limits=Limits(inflated_bytes=len(TOLLS) - 1))
    assert parsed.pages[0].text == f"{PROSE}\n\nAttachments: a.csv"
    assert len(unpacked) == 2


def test_the_cover_of_a_portfolio_is_not_its_content(tmp_path: Path) -> None:
    catalog, objects = embed("tolls.csv")
    cover = draw_line(72, 700, "For the best experience, open this portfolio in another viewer.")
    parsed = read(tmp_path, build_pdf(cover, catalog=f"{catalog} /Collection << /View /D >>", objects=objects))
    assert [page.text for page in parsed.pages] == ["Attachments: tolls.csv"]
    assert parsed.attachments


TEMPLATE = """<template xmlns="http://www.xfa.org/schema/xfa-template/3.3/"><subform name="form1">
<draw name="t"><value><text>Registration of a ship</text></value></draw>
<field name="ship"><caption><value><text>Name of the ship:</text></value></caption></field>
<field name="berth"><caption><value><exData><p>Berth</p></exData></value></caption></field>
<field name="flag"><caption><value><text>Flag</text></value></caption></field>
</subform></template>"""
DATA = """<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data><form1><berth>North quay</berth>
<ship>Halcyon</ship><row><toll>41</toll></row><row><toll>37</toll></row><flag/></form1></xfa:data></xfa:datasets>"""
WAITING = draw_line(72, 700, "Please wait while the form is loaded by your viewer.")


def make_form(*packets: str, rendering: str = "/NeedsRendering true", content: str = WAITING) -> bytes:
    """A dynamic form whose XML is one stream, or one for each packet."""
    objects = {20 + index: draw_stream(packet) for index, packet in enumerate(packets)}
    names = "".join(f"(part{index}) {20 + index} 0 R " for index in range(len(packets)))
    entry = f"[{names}]" if len(packets) > 1 else "20 0 R"
    return build_pdf(content, catalog=f"/AcroForm << /Fields [] /XFA {entry} >> {rendering}", objects=objects)


WHOLE = "Registration of a ship\nName of the ship: Halcyon\nBerth: North quay\ntoll: 41\ntoll: 37"
START, END = '<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/">', "</xdp:xdp>"


@pytest.mark.parametrize(
    "packets", [[START + TEMPLATE + DATA + END], [START, TEMPLATE, DATA, END]], ids=["one stream", "packets"]
)
def test_a_dynamic_form_is_read_from_its_data_and_labels(tmp_path: Path, packets: list[str]) -> None:
    assert [page.text for page in read(tmp_path, make_form(*packets)).pages] == [WHOLE]


def test_a_dynamic_form_is_also_recognised_by_its_placeholder(tmp_path: Path) -> None:
    waiting = WAITING + draw_line(72, 680, "If this message is not eventually replaced by the proper contents")
    form = make_form(START + TEMPLATE + DATA + END, rendering="", content=waiting)
    assert [page.text for page in read(tmp_path, form).pages] == [WHOLE]


def test_a_static_form_is_read_from_its_pages_and_fields(tmp_path: Path) -> None:
    objects = {20: draw_stream(START + DATA + END)}
    field = "/Subtype /Widget /F 4 /Rect [120 697 220 711] /FT /Tx /T (ship) /V (Halcyon)"
    form = build_pdf(
        draw_line(72, 700, "Ship:"), annotations=[field], catalog="/AcroForm << /XFA 20 0 R >>", objects=objects
    )
    assert [page.text for page in read(tmp_path, form).pages] == ["Ship: Halcyon"]


def test_the_data_of_a_form_without_fields_follow_its_pages(tmp_path: Path) -> None:
    form = make_form(START + DATA + END, rendering="", content=draw_line(72, 700, PROSE))
    assert "ship: Halcyon" in read(tmp_path, form).pages[0].text.removeprefix(PROSE).split("\n")


def test_a_dynamic_form_without_data_has_no_text(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError, match="form without data"):
        read(tmp_path, make_form(START + END))
