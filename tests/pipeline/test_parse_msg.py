# ruff: noqa: RUF001, texts in Cyrillic
"""Outlook messages are read as the mails that they would be on the Internet."""

import struct
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.domain.media import MSG
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.mail.compressed_rtf import decompress
from tests.pipeline.compound_files import Properties, Tree, make_compound, make_message, make_message_storage, store

SENT = (133_541_316_000_000_000, "2024-03-05")
HEADERS: Properties = {0x0037: "Prüfung", 0x0C1A: "Ada Lane", 0x5D01: "ada@example.org", 0x0039: SENT[0]}
PEOPLE: list[Properties] = [
    {0x3001: "Bo", 0x39FE: "bo@example.org", 0x0C15: 1},
    {0x3001: "Cy", 0x3003: "/O=EX/CN=CY", 0x0C15: 2},
    {0x3001: "Di", 0x3003: "di@example.org", 0x0C15: 1},
]


def read(folder: Path, data: bytes) -> Parsed:
    path = folder / "a"
    path.write_bytes(data)
    assert detect(path, "a") == MSG
    return parse(path, MSG)


def test_headers_recipients_and_text_are_read(tmp_path: Path) -> None:
    parsed = read(tmp_path, make_message({**HEADERS, 0x1000: "It froze.\r\nBring the keys."}, PEOPLE))
    assert parsed.pages[0].text == (
        "From: Ada Lane <ada@example.org>\nTo: Bo <bo@example.org>, Di <di@example.org>\nCc: Cy\n"
        "Subject: Prüfung\nDate: Tue, 05 Mar 2024 17:00:00 +0000\n\nIt froze.\nBring the keys."
    )
    assert (parsed.metadata["title"], parsed.metadata["date"]) == ("Prüfung", SENT[1])


def test_the_headers_with_which_a_message_was_received_fill_in(tmp_path: Path) -> None:
    received = "From: Bo <bo@example.org>\r\nTo: ada@example.org\r\nDate: Tue, 5 Mar 2024 13:00:00 +0000\r\n"
    text = read(tmp_path, make_message({0x007D: received, 0x1000: "It froze."})).pages[0].text
    assert text == f"{received.strip()}\n\nIt froze.".replace("\r", "")


def test_the_fuller_form_of_the_text_is_read(tmp_path: Path) -> None:
    html = b"<table><tr><td>Pump</td><td>88</td></tr></table>"
    assert "Pump | 88" in read(tmp_path, make_message({0x1000: "Pump 88", 0x1013: html})).pages[0].text
    stub = make_message({0x1000: "The pump costs 88 EUR.", 0x1013: b"<img src=a>"})
    assert "88 EUR" in read(tmp_path, stub).pages[0].text


@pytest.mark.parametrize(
    ("codepage", "encoding"), [(1252, "cp1252"), (28591, "cp1252"), (65001, "cp1252"), (1252, "utf-8"), (99, "cp1252")]
)
def test_the_encoding_of_html_is_checked(tmp_path: Path, codepage: int, encoding: str) -> None:
    html = "<p>Die Maße der Prüfkörper</p>".encode(encoding)
    parsed = read(tmp_path, make_message({0x1013: html, 0x3FDE: codepage, 0x0037: "a"}))
    assert "Die Maße der Prüfkörper" in parsed.pages[0].text


def test_texts_of_eight_bits_are_read(tmp_path: Path) -> None:
    streams: Tree = {
        **store({0x3FFD: 1251}, 32),
        "__substg1.0_0037001E": "Договор подписан\0".encode("cp1251"),
        "__substg1.0_1000001E": "Прибор проверен вчера".encode("cp1251"),
    }
    assert read(tmp_path, make_compound(streams)).pages[0].text == "Subject: Договор подписан\n\nПрибор проверен вчера"


RTF = rb"{\rtf1\ansi\ansicpg1252 The pump costs 88 EUR, f\'fcr Bo.\par Bye.}"


def pack_rtf(rtf: bytes) -> bytes:
    return struct.pack("<4I", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf


def test_a_message_with_only_rtf_is_read(tmp_path: Path) -> None:
    text = read(tmp_path, make_message({0x1009: pack_rtf(RTF), 0x0037: "a"})).pages[0].text
    assert text == "Subject: a\n\nThe pump costs 88 EUR, für Bo.\n\nBye."


def test_damaged_rtf_beside_other_text_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, make_message({0x1009: b"no", 0x1000: "It froze."})).pages[0].text == "It froze."


@pytest.mark.parametrize(
    ("packed", "rtf"),
    [  # the examples of the specification, [MS-OXRTFCP] 4.1
        (
            "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0",
            b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n",
        ),
        ("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0", b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"),
    ],
)
def test_compressed_rtf_is_expanded(packed: str, rtf: bytes) -> None:
    data = bytes.fromhex(packed)
    assert decompress(data, 1000) == rtf
    assert rtf.startswith(decompress(data[:30], 1000))


def test_attachments_are_files_and_texts_are_shown(tmp_path: Path) -> None:
    attachments: list[Properties] = [
        {0x3707: "Gebühr.pdf", 0x3701: b"%PDF-1.4", 0x370E: "application/pdf", 0x3705: 1},
        {0x3704: "NOTES.TXT", 0x3701: "Die Maße".encode("cp1252"), 0x3705: 1},
    ]
    parsed = read(tmp_path, make_message({0x1000: "See below."}, attachments=attachments))
    assert [(item.name, item.content) for item in parsed.attachments] == [
        ("Gebühr.pdf", b"%PDF-1.4"),
        ("NOTES.TXT", "Die Maße".encode("cp1252")),
    ]
    assert parsed.pages[0].text.endswith("See below.\n\nNOTES.TXT\n\nDie Maße\n\nAttachments: Gebühr.pdf, NOTES.TXT")


def test_a_message_within_a_message_is_read_as_a_forwarded_one(tmp_path: Path) -> None:
    inner = make_message_storage({0x0037: "Earlier", 0x1000: "It thawed.", 0x0039: SENT[0]}, PEOPLE[:1])
    data = make_message({0x1000: "See below."}, attachments=[{"__substg1.0_3701000D": inner}])
    parsed = read(tmp_path, data)
    assert "See below.\n\nTo: Bo <bo@example.org>\nSubject: Earlier\nDate: Tue, 05 Mar 2024" in parsed.pages[0].text
    assert "It thawed." in parsed.pages[0].text
    assert [item.name for item in parsed.attachments] == ["message.eml"]


def test_a_signed_message_is_read_and_an_encrypted_one_says_so(tmp_path: Path) -> None:
    signed = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nIt is signed for.\r\n--b--\r\n"
    attachment: Properties = {0x3707: "smime.p7m", 0x3701: signed, 0x370E: "multipart/signed", 0x3705: 1}
    assert "It is signed for." in read(tmp_path, make_message({0x0037: "a"}, attachments=[attachment])).pages[0].text
    sealed = bytes.fromhex("3080 06092a864886f70d010703 a080")
    attachment = {0x3707: "smime.p7m", 0x3701: sealed, 0x370E: "application/pkcs7-mime", 0x3705: 1}
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path, make_message({0x0037: "a"}, attachments=[attachment]))


def test_a_damaged_message_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.msg"
    path.write_bytes(make_message({0x1000: "It froze."})[:700])
    with pytest.raises(DocumentDamagedError):
        parse(path, MSG)


def test_a_time_beyond_the_calendar_is_left_out(tmp_path: Path) -> None:
    parsed = read(tmp_path, make_message({0x0037: "Ice", 0x1000: "It froze.", 0x0039: 2**63 - 1}))
    assert parsed.pages[0].text == "Subject: Ice\n\nIt froze."


@pytest.mark.parametrize(
    ("rtf", "error"),
    [
        (struct.pack("<4I", 20, 1 << 30, 0x75465A4C, 0) + b"\0abcdefgh", ParseLimitExceededError),
        (struct.pack("<4I", 20, 8, 0x11111111, 0) + b"\0abcdefgh", DocumentDamagedError),
    ],
)
def test_rtf_that_cannot_be_read_is_an_error_only_where_it_is_the_only_form(
    tmp_path: Path, rtf: bytes, error: type[Exception]
) -> None:
    assert read(tmp_path, make_message({0x1000: "It froze.", 0x1009: rtf})).pages[0].text == "It froze."
    with pytest.raises(error):
        read(tmp_path, make_message({0x0037: "Ice", 0x1009: rtf}))
