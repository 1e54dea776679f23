"""Subjects, names and file names of mails are read in every form in which programs write them."""

import base64
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.media import EML
from app.pipeline.parse import parse


def read(folder: Path, data: bytes) -> Parsed:
    path = folder / "a.eml"
    path.write_bytes(data)
    return parse(path, EML)


@pytest.mark.parametrize(
    ("text", "encoding", "charset"),
    [
        ("Prüfung der Maße", "cp1252", "iso-8859-1"),
        ("Prüfung der Maße", "cp1252", "utf-8"),
        ("Prüfung der Maße", "utf-8", "iso-8859-1"),
        ("Prüfung der Maße", "utf-8", None),
        ("Прибор проверен", "cp1251", "windows-1251"),
        ("Прибор проверен", "koi8-r", None),
        ("设备检查合格", "gbk", "gb2312"),
        ("设备检查合格", "gbk", None),
        ("点検結果は良好", "cp932", "shift_jis"),
        ("点検結果は良好", "cp932", "us-ascii"),
        ("点検結果は良好", "iso2022_jp", None),
    ],
)
def test_headers_without_encoded_words_are_read(tmp_path: Path, text: str, encoding: str, charset: str | None) -> None:
    raw = text.encode(encoding)
    kind = f"text/plain; charset={charset}" if charset else "text/plain"
    data = b"From: " + raw + b" <a@example.org>\nSubject: " + raw + f"\nContent-Type: {kind}\n\nbody".encode()
    parsed = read(tmp_path, data)
    assert parsed.pages[0].text == f"From: {text} <a@example.org>\nSubject: {text}\n\nbody"
    assert (parsed.metadata["subject"], parsed.metadata["title"]) == (text, text)


def word(data: bytes, charset: str) -> str:
    return f"=?{charset}?B?{base64.b64encode(data).decode()}?="


UTF8, GBK = "Prüfung".encode(), "设备检查".encode("gbk")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (word(UTF8, "utf-8"), "Prüfung"),
        (word(UTF8, "iso-8859-1"), "Prüfung"),
        (word("Prüfung".encode("cp1252"), "utf-8"), "Prüfung"),
        (word("“Maß”".encode("cp1252"), "iso-8859-1"), "“Maß”"),
        (word(GBK, "gb2312"), "设备检查"),
        (word(GBK, "no-such"), "设备检查"),
        (word("契約".encode("iso2022_jp"), "ISO-2022-JP"), "契約"),
        (f"{word(UTF8[:3], 'utf-8')}\n {word(UTF8[3:], 'utf-8')}", "Prüfung"),  # split within a character
        (f"{word(GBK[:3], 'gb2312')}\n {word(GBK[3:], 'gb2312')}", "设备检查"),
        (f"{word(UTF8, 'utf-8')} and {word(UTF8, 'UTF-8')}", "Prüfung and Prüfung"),
        (f"Re: {word(UTF8, 'utf-8')}({word(UTF8, 'utf-8')})", "Re: Prüfung(Prüfung)"),
        (f'"{word(UTF8, "utf-8")}"', '"Prüfung"'),
        ("=?utf-8*en?Q?Pr=C3=BCfung_2?=", "Prüfung 2"),
        ("=?utf-8?Q?Pr=C3=BCfung mit Leerzeichen?=", "Prüfung mit Leerzeichen"),
        ("=?utf-8?Q?50=25_=_gut?=", "50% = gut"),
        (word(UTF8, "utf-8").replace("==?=", "?="), "Prüfung"),
        ("=?utf-8?X?no?= way", "=?utf-8?X?no?= way"),
        ("a=?b?=c", "a=?b?=c"),
    ],
)
def test_encoded_words_are_read(tmp_path: Path, subject: str, text: str) -> None:
    assert read(tmp_path, f"From: a@example.org\nSubject: {subject}\n\nbody".encode()).metadata["subject"] == text


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b'Content-Disposition: attachment; filename="plan.pdf"', "plan.pdf"),
        (b"Content-Disposition: attachment; filename*=utf-8''Pr%C3%BCfplan.pdf", "Prüfplan.pdf"),
        (b"Content-Disposition: attachment; filename*=iso-8859-1'de'Pr%FCfplan.pdf", "Prüfplan.pdf"),
        (b"Content-Disposition: attachment; filename*=utf-8''Pr%FCfplan.pdf", "Prüfplan.pdf"),  # wrong charset
        (b"Content-Disposition: attachment; filename*=no-such''Pr%C3%BCfplan.pdf", "Prüfplan.pdf"),
        (
            b"Content-Disposition: attachment; filename*0*=utf-8''Pr%C3; filename*1*=%BCf; filename*2=plan.pdf",
            "Prüfplan.pdf",
        ),
        (b'Content-Disposition: attachment; filename="=?utf-8?B?UHLDvGZwbGFuLnBkZg==?="', "Prüfplan.pdf"),
        (b"Content-Disposition: attachment; filename==?utf-8?B?UHLDvGZwbGFuLnBkZg==?=", "Prüfplan.pdf"),
        ('Content-Disposition: attachment; filename="Prüfplan.pdf"'.encode("cp1252"), "Prüfplan.pdf"),
        ('Content-Disposition: attachment; filename="Prüfplan.pdf"'.encode(), "Prüfplan.pdf"),
        ('Content-Disposition: attachment; filename="检查合格.pdf"'.encode("gbk"), "检查合格.pdf"),
        (b'Content-Type: application/pdf; name="plan.pdf"\nContent-Disposition: attachment', "plan.pdf"),
        (b'Content-Disposition: attachment; filename="C:\\\\files\\\\plan.pdf"', "plan.pdf"),
        (b'Content-Disposition: attachment; filename="../../etc/plan.pdf"', "plan.pdf"),
        (b"Content-Type: application/pdf", "attachment.pdf"),
        (b"Content-Type: image/png", "image1.png"),
        (b"Content-Disposition: attachment", "text.txt"),
        (b"Content-Type: application/x-thing\nContent-Disposition: attachment", "attachment1.bin"),
    ],
)
def test_every_attachment_has_its_name(tmp_path: Path, header: bytes, name: str) -> None:
    head = b"From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\n"
    parsed = read(tmp_path, head + header + b"\n\ncontent\n--b--\n")
    assert [attachment.name for attachment in parsed.attachments] == [name]
    assert parsed.pages[0].text.endswith(f"Attachments: {name}")
