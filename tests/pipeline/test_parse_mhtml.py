import base64
import quopri
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError, NoExtractableTextError
from app.domain.media import EML, MHTML
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse

_HEADS = {
    "Chrome": (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://quay.example.org/docs/a.html\r\nSubject: Quay\r\n"
        "Date: Fri, 3 May 2024 10:00:00 -0000\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="b"'
    ),
    "Internet Explorer": (
        "From: <Saved by Windows Internet Explorer 11>\r\nSubject: Quay\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="b"'
    ),
    "Word": 'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n',
}


def part(
    body: str, encoding: str = "utf-8", transfer: str = "quoted-printable", head: str = "", kind: str = "text/html"
) -> bytes:
    data = body.encode(encoding)
    written = quopri.encodestring(data) if transfer == "quoted-printable" else base64.encodebytes(data)
    fields = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {transfer}\r\n{head}\r\n"
    return b"--b\r\n" + fields.encode() + written + b"\r\n"


def read(folder: Path, *parts: bytes, head: str = _HEADS["Chrome"], name: str = "a.mhtml") -> Parsed:
    path = folder / name
    path.write_bytes(head.encode() + b"\r\n\r\nintroduction\r\n" + b"".join(parts) + b"--b--\r\n")
    assert detect(path, name) == MHTML
    return parse(path, MHTML)


@pytest.mark.parametrize("maker", _HEADS)
@pytest.mark.parametrize("transfer", ["quoted-printable", "base64"])
def test_a_saved_page_is_read_as_a_web_page(tmp_path: Path, maker: str, transfer: str) -> None:
    body = "<html><head><title>Quay</title><body><p>Depth: <b>5 m</b>, naïve</p><img alt='map' src='cid:x'>"
    picture = part("GIF89a", transfer="base64", kind="image/gif")
    parsed = read(tmp_path, part(body, transfer=transfer), picture, head=_HEADS[maker])
    assert parsed.pages[0].text == "Depth: 5 m, naïve\n\nmap"
    assert parsed.metadata["title"] == "Quay"


@pytest.mark.parametrize("name", ["a", "page.eml"])
def test_a_page_saved_by_a_browser_is_recognised_by_its_header(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, part("<p>x</p>"), name=name).pages[0].text == "x"
    mail = tmp_path / "mail.eml"
    mail.write_bytes(
        b"From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b--"
    )
    assert detect(mail, "mail.eml") == EML


def test_links_are_relative_to_the_address_of_the_page(tmp_path: Path) -> None:
    link = "<p><a href='plan.pdf'>Plan</a></p>"
    assert read(tmp_path, part(link)).pages[0].text == "Plan (https://quay.example.org/docs/plan.pdf)"
    located = part(link, head="Content-Location: http://other.example.org/\r\n")
    assert read(tmp_path, located).pages[0].text == "Plan (http://other.example.org/plan.pdf)"


def test_the_encoding_of_the_part_is_used(tmp_path: Path) -> None:
    russian = part("<p>Причал открыт по утрам</p>", "koi8-r", kind="text/html; charset=koi8-r")
    assert read(tmp_path, russian).pages[0].text == "Причал открыт по утрам"


def test_the_named_start_is_the_page_and_frames_are_read_where_it_has_no_text(tmp_path: Path) -> None:
    head = _HEADS["Chrome"].replace("type=", 'start="<main@x>";\r\n\ttype=')
    frame, main = part("<p>frame</p>"), part("<p>main</p>", head="Content-ID: <main@x>\r\n")
    assert read(tmp_path, frame, main, head=head).pages[0].text == "main"
    frameset = part("<html><frameset><frame src='a.html'></frameset></html>")
    assert [page.text for page in read(tmp_path, frameset, part("<p>left</p>"), part("<p>right</p>")).pages] == [
        "left",
        "right",
    ]


def test_text_in_a_shadow_root_is_read(tmp_path: Path) -> None:
    body = "<x-card><template shadowmode='open'><p>shown</p></template></x-card><template><p>not shown</p></template>"
    assert read(tmp_path, part(body)).pages[0].text == "shown"


def test_archives_without_a_page_or_text_fail_by_name(tmp_path: Path) -> None:
    with pytest.raises(DocumentDamagedError):
        read(tmp_path, part("GIF89a", kind="image/gif"))
    with pytest.raises(NoExtractableTextError, match="JavaScript"):
        read(tmp_path, part("<div id=root></div><script src='x.js'></script>"))
