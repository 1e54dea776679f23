from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentEncryptedError, DocumentError
from app.domain.media import EML
from app.pipeline.parse import parse
from tests.deadlines import within

HEAD = "From: Ada <ada@example.org>\nTo: bo@example.org\nSubject: {}\nDate: Tue, 03 Feb 2026 04:05:06 +0000"


def read(folder: Path, data: bytes | EmailMessage) -> Parsed:
    path = folder / "a"
    path.write_bytes(data if isinstance(data, bytes) else bytes(data))
    return parse(path, EML)


def letter(subject: str = "The ice", text: str = "It froze.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@example.org>", "bo@example.org", subject
    message["Date"] = "Tue, 3 Feb 2026 04:05:06 +0000"
    message.set_content(text)
    return message


def test_a_mail_is_its_headers_and_its_text(tmp_path: Path) -> None:
    parsed = read(tmp_path, letter("Größe", "It froze.\nEars too: Übermaß."))
    assert parsed.pages[0].text == HEAD.format("Größe") + "\n\nIt froze.\nEars too: Übermaß."
    assert parsed.metadata == {
        "title": "Größe",
        "subject": "Größe",
        "author": "Ada <ada@example.org>",
        "from": "Ada <ada@example.org>",
        "to": "bo@example.org",
        "date": "2026-02-03",
    }


def test_of_what_says_the_same_the_plain_form_is_read(tmp_path: Path) -> None:
    message = letter()
    message.add_alternative("<p>rich</p>", subtype="html")
    assert read(tmp_path, message).pages[0].text.endswith("\n\nIt froze.")
    message = letter(text=" ")
    message.add_alternative("<table><tr><td>a</td><td>b</td></tr></table>", subtype="html")
    assert read(tmp_path, message).pages[0].text.endswith("\n\na | b")


def test_what_is_attached_is_named_and_what_is_forwarded_is_read(tmp_path: Path) -> None:
    message = letter()
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="Gebühr.pdf")
    message.add_attachment("unread", filename="notes.txt")
    message.add_attachment(letter("Earlier", "It thawed."))
    assert read(tmp_path, message).pages[0].text == (
        f"{HEAD.format('The ice')}\n\nIt froze.\n\n{HEAD.format('Earlier')}\n\nIt thawed.\n\n"
        "notes.txt\n\nunread\n\nAttachments: Gebühr.pdf, notes.txt, message.eml"
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Subject: x\nContent-Type: text/plain; charset=no-such\n\ncaf\xc3\xa9", "café"),
        (b"Subject: x\nContent-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9 Stra\xdfe", "café Straße"),
        (b"Subject: x\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nY2Fm!!6Q==", "Subject: x"),
        (b"Subject: =?utf-8?q?caf=C3=A9?=\n\nx", "Subject: café"),
        (b"Subject: =?no-such?q?x?= y\n\nbody", "body"),
        (b"Subject: x\nContent-Type: multipart/mixed\n\nno boundary", "Subject: x"),
        (b"Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ncut off", "cut off"),
        (b"Subject: x\nDate: soon\n\nbody", "Date: soon"),
        (b"Subject: x\nContent-Type: ;;;=\nContent-Disposition: ((\n\nbody", "body"),
        (b"no header at all", "no header at all"),
    ],
)
def test_mails_that_bend_the_rules_are_read(tmp_path: Path, data: bytes, text: str) -> None:
    assert text in read(tmp_path, data).pages[0].text


@pytest.mark.parametrize(
    "kind",
    [b"multipart/encrypted; boundary=b", b"application/pkcs7-mime; smime-type=enveloped-data"],
)
def test_a_sealed_mail_says_so(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path, b"From: a\nContent-Type: " + kind + b"\n\n--b\n\nx\n--b--")


def nest(depth: int) -> bytes:
    heads = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth))
    return b"Subject: x\n" + heads + b"\nbottom"


def forward(depth: int) -> bytes:
    return b"Subject: x\nContent-Type: message/rfc822\n\n" * depth + b"Subject: last\n\nbottom"


@pytest.mark.parametrize(
    "data",
    [
        *(make(depth) for make in (nest, forward) for depth in (100, 250, 5000)),
        b"From: " + b"(" * 200_000 + b"\nSubject: x\n\nbody",
        b"To: " + b"a@b.c, " * 100_000 + b"\nSubject: x\n\nbody",
        b"Subject: " + b"=?utf-8?q?x?= " * 50_000 + b"\n\nbody",
        b"Content-Type: text/plain" + b"; a*0*=x" * 50_000 + b"\n\nbody",
        b"X: y\n" * 200_000 + b"\nbody",
        b"Content-Type: text/html\n\n" + b"<b>" * 100_000,
    ],
)
def test_hostile_mails_are_read_or_refused_in_little_time(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with within(20), suppress(DocumentError):
        assert parse(path, EML).pages
