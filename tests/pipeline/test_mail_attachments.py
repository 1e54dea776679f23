"""The attachments of a mail are files within it; texts and calendars among them are shown below the message."""

import asyncio
import errno
import os
import signal
import struct
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.media import DOCX, EML
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import wait_until
from tests.pipeline.documents import make_docx, make_pdf, paragraph


def read(folder: Path, message: EmailMessage | bytes) -> Parsed:
    path = folder / "a.eml"
    path.write_bytes(message if isinstance(message, bytes) else bytes(message))
    return parse(path, EML)


def letter(subject: str = "Pump", text: str = "See below.") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "ada@example.org", subject
    message.set_content(text)
    return message


@pytest.mark.parametrize(
    ("name", "kind", "content", "shown"),
    [
        ("terms.txt", "text/plain", "Notice: ninety days.", "Notice: ninety days."),
        ("terms.txt", "application/octet-stream", "Notice: ninety days.", "Notice: ninety days."),
        ("parts.csv", "text/csv", "part,price\npump,88", "part,price\npump,88"),
        ("notes.md", "text/markdown", "# Notes\n\nFine.", "# Notes\n\nFine."),
        ("page.html", "text/html", "<p>Notice: <b>ninety</b> days.</p>", "Notice: ninety days."),
    ],
)
def test_a_text_attachment_is_shown_below_its_name(
    tmp_path: Path, name: str, kind: str, content: str, shown: str
) -> None:
    message = letter()
    message.add_attachment(content.encode(), *kind.split("/"), filename=name)
    parsed = read(tmp_path, message)
    assert parsed.pages[0].text.endswith(f"See below.\n\n{name}\n\n{shown}\n\nAttachments: {name}")
    assert [(item.name, item.content) for item in parsed.attachments] == [(name, content.encode())]


def test_the_encoding_of_a_text_attachment_is_detected(tmp_path: Path) -> None:
    message = letter()
    message.add_attachment("Die Maße der Prüfkörper".encode("cp1252"), "text", "plain", filename="a.txt")
    assert "Die Maße der Prüfkörper" in read(tmp_path, message).pages[0].text


def test_a_long_text_attachment_is_cut_where_it_is_shown_and_whole_as_a_file(tmp_path: Path) -> None:
    message = letter()
    message.add_attachment(b"word " * 10_000, "text", "plain", filename="a.txt")
    parsed = read(tmp_path, message)
    assert len(parsed.pages[0].text) < 21_000
    assert len(parsed.attachments[0].content) == 50_000


CALENDAR = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:1@example.org
SUMMARY:Pump inspection\\, part 1
LOCATION:Hall 7
DTSTART;TZID=Europe/Berlin:20260311T140000
DTEND;TZID=Europe/Berlin:20260311T153000
ORGANIZER;CN=Ada Lane:mailto:ada@example.org
ATTENDEE;CN="Bo Hill";PARTSTAT=NEEDS-ACTION:mailto:bo@example.org
ATTENDEE:mailto:cy@example.org
RRULE:FREQ=WEEKLY;COUNT=4
DESCRIPTION:Bring the keys.\\nWear a helmet.
END:VEVENT
END:VCALENDAR
"""
SHOWN_CALENDAR = """Pump inspection, part 1
When: 2026-03-11 14:00 to 15:30 Europe/Berlin (UTC+01:00)
Where: Hall 7
Organizer: Ada Lane <ada@example.org>
Attendees: Bo Hill <bo@example.org>, cy@example.org
Repeats: freq WEEKLY, count 4
Bring the keys.
Wear a helmet."""


def test_an_invitation_is_shown_as_its_fields_once(tmp_path: Path) -> None:
    message = letter(text=" ")
    message.add_alternative("<p></p>", subtype="html")
    message.add_alternative(CALENDAR, subtype="calendar")
    message.add_attachment(CALENDAR.encode(), "application", "ics", filename="invite.ics")
    parsed = read(tmp_path, message)
    assert parsed.pages[0].text.count("Hall 7") == 1
    assert f"\n\ninvite.ics\n\n{SHOWN_CALENDAR}\n\nAttachments: invite.ics" in parsed.pages[0].text
    assert len({item.name for item in parsed.attachments}) == 1


def test_a_mail_that_is_only_an_attachment_names_it(tmp_path: Path) -> None:
    head = b"From: a@example.org\nContent-Type: application/pdf; name=plan.pdf\n\n"
    parsed = read(tmp_path, head + b"%PDF-1.4")
    assert (parsed.attachments[0].name, parsed.attachments[0].content) == ("plan.pdf", b"%PDF-1.4")
    assert parsed.pages[0].text.endswith("Attachments: plan.pdf")


def tnef(*files: tuple[str, str, bytes]) -> bytes:
    """A ``winmail.dat`` with files by short name, long name and content."""

    def attribute(level: int, kind: int, data: bytes) -> bytes:
        return struct.pack("<BII", level, kind, len(data)) + data + bytes(2)

    packed = b"\x78\x9f\x3e\x22\1\0" + attribute(1, 0x00089006, b"\0\0\1\0")
    for short, long, content in files:
        name = f"{long}\0".encode("utf-16-le")
        padded = name.ljust(-(-len(name) // 4) * 4, b"\0")
        properties = struct.pack("<IHHIHHII", 2, 3, 0x3705, 1, 0x1F, 0x3707, 1, len(name)) + padded
        packed += attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00018010, f"{short}\0".encode("cp1252"))
        packed += attribute(2, 0x0006800F, content) + (attribute(2, 0x00069005, properties) if long else b"")
    return packed


def test_the_files_that_outlook_packs_into_one_are_files(tmp_path: Path) -> None:
    message = letter()
    packed = tnef(("GEBUHR~1.PDF", "Gebühren.pdf", b"%PDF-1.4"), ("Übersicht.txt", "", b"Notice: ninety days."))
    message.add_attachment(packed, "application", "ms-tnef", filename="winmail.dat")
    parsed = read(tmp_path, message)
    assert [(item.name, item.content) for item in parsed.attachments] == [
        ("Gebühren.pdf", b"%PDF-1.4"),
        ("Übersicht.txt", b"Notice: ninety days."),
    ]
    assert "Übersicht.txt\n\nNotice: ninety days." in parsed.pages[0].text


@pytest.mark.parametrize("packed", [b"\x78\x9f\x3e\x22", b"no", tnef(("a.txt", "b.txt", b"x"))[:30]])
def test_a_damaged_pack_of_files_is_named(tmp_path: Path, packed: bytes) -> None:
    message = letter()
    message.add_attachment(packed, "application", "octet-stream", filename="winmail.dat")
    assert read(tmp_path, message).pages[0].text.endswith("Attachments: winmail.dat")


@pytest.mark.parametrize("packed", [False, True])
def test_a_forwarded_mail_is_read_and_is_a_file_with_its_own_attachments(tmp_path: Path, *, packed: bool) -> None:
    inner = letter("Earlier", "It thawed.")
    inner.add_attachment(b"Die Ma\xdfe", "text", "plain", filename="inner.txt")
    outer = letter()
    outer.add_attachment(inner)
    data = bytes(outer)
    if packed:
        import base64  # noqa: PLC0415

        data = data.replace(bytes(inner), base64.encodebytes(bytes(inner)))
        data = data.replace(b"message/rfc822\n", b"message/rfc822\nContent-Transfer-Encoding: base64\n")
        data = data.replace(b"Content-Transfer-Encoding: 8bit\nContent-Disposition", b"Content-Disposition")
    parsed = read(tmp_path, data)
    text = parsed.pages[0].text
    assert "Subject: Earlier\n\nIt thawed.\n\ninner.txt\n\nDie Maße\n\nAttachments: inner.txt" in text
    assert text.endswith("Attachments: message.eml")
    (attachment,) = parsed.attachments
    assert message_from_bytes(attachment.content)["Subject"] == "Earlier"
    assert [item.name for item in read(tmp_path, attachment.content).attachments] == ["inner.txt"]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("terms.docx", lambda path: make_docx(path, "<w:p><w:r><w:t>It ends in ninety days.</w:t></w:r></w:p>")),
        ("terms.pdf", lambda path: write(path, make_pdf("It ends in ninety days."))),
        ("terms.bin", lambda path: write(path, make_pdf("It ends in ninety days."))),
        ("terms.rtf", lambda path: write(path, rb"{\rtf1 It ends in ninety days.}")),
    ],
)
def test_the_text_of_an_attached_document_is_shown_below_its_name(
    tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    message = letter()
    message.add_attachment(make(tmp_path / name).read_bytes(), "application", "octet-stream", filename=name)
    assert f"See below.\n\n{name}\n\nIt ends in ninety days." in read(tmp_path, message).pages[0].text


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_attachment_that_cannot_be_read_is_only_named(tmp_path: Path) -> None:
    message = letter()
    message.add_attachment(b"%PDF-1.7 nothing", "application", "pdf", filename="a.pdf")
    message.add_attachment(b"PK\x03\x04 nothing", "application", "zip", filename="b.zip")
    assert read(tmp_path, message).pages[0].text.endswith("See below.\n\nAttachments: a.pdf, b.zip")


def test_mails_in_mails_are_shown_to_a_limited_depth(tmp_path: Path) -> None:
    message = letter(text="innermost")
    for level in range(5):
        outer = letter(text=f"level {level}")
        outer.add_attachment(message.as_bytes(), "application", "octet-stream", filename=f"{level}.eml")
        message = outer
    text = read(tmp_path, message).pages[0].text
    assert [f"level {level}" in text for level in range(5)] == [False, False, True, True, True]


def test_a_false_number_of_values_ends_a_pack_of_files(tmp_path: Path) -> None:
    properties = struct.pack("<IHHI", 1, 0x1003, 0x3705, 0xFFFFFFFF)
    packed = tnef(("a.txt", "", b"Notice: ninety days.")) + struct.pack("<BII", 2, 0x00069005, 12) + properties
    message = letter()
    message.add_attachment(packed, "application", "ms-tnef", filename="winmail.dat")
    assert "Notice: ninety days." in read(tmp_path, message).pages[0].text


def test_the_text_of_the_first_hundred_attachments_is_read_whether_they_have_one_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def write_shown(kind: str, name: str, content: bytes, charset: str | None, limits: Limits) -> str:  # noqa: ARG001
        tried.append(name)
        return ""

    monkeypatch.setattr("app.pipeline.parse.mail.message.write_shown", write_shown)
    inner, message = letter(), letter()
    for mail in (inner, message):
        for number in range(80):
            mail.add_attachment(b"\0", "application", "octet-stream", filename=f"{number}.bin")
        if mail is inner:
            message.add_attachment(inner)
    assert len(read(tmp_path, message).attachments) == 81
    assert len(tried) == 100


@pytest.mark.parametrize("error", [MemoryError(), TypeError("a fault of a library"), RecursionError()])
def test_an_attachment_whose_reading_fails_in_any_way_does_not_spoil_its_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("app.pipeline.parse.word.docx.read", fail)
    message = letter()
    message.add_attachment(make_docx(tmp_path / "x", paragraph("x")).read_bytes(), *DOCX.split("/"), filename="a.docx")
    parsed = read(tmp_path, message)
    assert parsed.pages[0].text.endswith("Attachments: a.docx")
    assert len(parsed.attachments) == 1


def test_attached_documents_are_read_below_the_mail_only_for_a_part_of_its_time(tmp_path: Path) -> None:
    message = letter()
    for number in range(2):
        content = make_docx(tmp_path / "x", paragraph(f"Lock {number}")).read_bytes()
        message.add_attachment(content, *DOCX.split("/"), filename=f"{number}.docx")
    path = tmp_path / "mail"
    path.write_bytes(bytes(message))
    assert "Lock 1" in parse(path, EML).pages[0].text
    late = parse(path, EML, limits=Limits(embedded_until=0))
    assert "Lock 1" not in late.pages[0].text
    assert len(late.attachments) == 2


async def test_a_mail_whose_attachment_crashes_the_parser_is_read_without_its_text(tmp_path: Path) -> None:
    message = letter()
    content = make_docx(tmp_path / "x", paragraph("Lock")).read_bytes()
    message.add_attachment(content, *DOCX.split("/"), filename="a.docx")
    parser = ParserSandbox(size=1, time_limit=60, memory_mb=1024, max_pages=9)
    path = tmp_path / "mail"
    os.mkfifo(path)  # the child waits for a writer until it is killed
    try:
        parsing = asyncio.create_task(parser.parse(path, EML))
        await wait_until(lambda: parser._busy, "the child to be busy")
        os.kill(next(iter(parser._busy)).pid, signal.SIGSEGV)
        path.unlink()
        path.write_bytes(bytes(message))
        parsed = await parsing
    finally:
        await parser.close()
    assert parsed.pages[0].text.endswith("Attachments: a.docx")
    assert "Lock" not in parsed.pages[0].text


def test_a_full_disk_is_no_fault_of_an_attachment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = letter()
    message.add_attachment(b"{\\rtf1 Text}", "application", "rtf", filename="a.rtf")

    def refuse(_path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "mail.eml"
    path.write_bytes(message.as_bytes())
    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OSError, match="No space left"):
        parse(path, EML)
