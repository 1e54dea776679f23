"""Mail folders are read message by message, and calendars event by event."""

from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentEncryptedError, ParseLimitExceededError
from app.domain.media import EML, ICS, MBOX, TEXT
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits

MAIL = "From: ada@example.org\nSubject: {}\nMessage-ID: <1@example.org>\n\n{}\n"
SEPARATORS = [
    "From ada@example.org Tue Mar  5 10:00:00 2024",
    "From - Tue Mar 05 10:00:00 2024",
    "From 1792@xxx Tue Mar 05 10:00:00 +0000 2024",
    "From MAILER-DAEMON Tue Mar  5 10:00:00 2024 +0100",
    "From ada@example.org 2024-03-05 10:00:00",
]


def read(path: Path, data: str | bytes, media_type: str, limits: Limits | None = None) -> Parsed:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert detect(path, "a") == media_type
    return parse(path, media_type, limits=limits)


@pytest.mark.parametrize("separator", SEPARATORS)
def test_each_message_of_a_folder_is_a_numbered_page(tmp_path: Path, separator: str) -> None:
    mails = [MAIL.format("One", "It froze."), MAIL.format("Two", "It thawed.\n\n>From then on it rained.")]
    parsed = read(tmp_path / "a", "".join(f"{separator}\n{mail}\n" for mail in mails), MBOX)
    assert [(page.number, page.text) for page in parsed.pages] == [
        (1, "From: ada@example.org\nSubject: One\n\nIt froze."),
        (2, "From: ada@example.org\nSubject: Two\n\nIt thawed.\n\nFrom then on it rained."),
    ]
    assert parsed.metadata == {"messages": 2}


def test_a_folder_whose_first_line_has_a_date_of_another_form_is_read(tmp_path: Path) -> None:
    parsed = read(tmp_path / "a", f"From ada 5.3.2024 10:00\n{MAIL.format('One', 'It froze.')}", MBOX)
    assert [page.text for page in parsed.pages] == ["From: ada@example.org\nSubject: One\n\nIt froze."]


def test_a_line_that_begins_like_a_separator_is_text(tmp_path: Path) -> None:
    body = "Hello,\n\nFrom Monday 10:00 on we are closed: see below.\nFrom Tue 2024 on we are open.\n\nBye"
    parsed = read(tmp_path / "a", f"{SEPARATORS[0]}\n{MAIL.format('One', body)}", MBOX)
    assert [page.text for page in parsed.pages] == [f"From: ada@example.org\nSubject: One\n\n{body}"]


def test_windows_line_ends_and_attachments_of_all_messages(tmp_path: Path) -> None:
    mail = (
        "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody\n--b\n"
        "Content-Disposition: attachment; filename=a{}.txt\n\nfile {}\n--b--\n"
    )
    folder = "".join(f"{SEPARATORS[0]}\n{mail.format(n, n)}\n" for n in (1, 2))
    parsed = read(tmp_path / "a", folder.replace("\n", "\r\n"), MBOX)
    assert [(item.name, item.content) for item in parsed.attachments] == [("a1.txt", b"file 1"), ("a2.txt", b"file 2")]
    assert "file 2" in parsed.pages[1].text


SEALED = "From: a@example.org\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n"


def test_an_encrypted_message_is_listed_and_the_others_are_read(tmp_path: Path) -> None:
    folder = "".join(f"{SEPARATORS[0]}\n{mail}\n" for mail in (SEALED, MAIL.format("Two", "It thawed.")))
    parsed = read(tmp_path / "a", folder, MBOX)
    assert [page.number for page in parsed.pages] == [2]
    assert parsed.metadata == {"messages": 2, "unreadable_messages": [1]}
    with pytest.raises(DocumentEncryptedError):
        read(tmp_path / "a", f"{SEPARATORS[0]}\n{SEALED}", MBOX)


def test_a_folder_with_more_messages_than_pages_are_allowed_is_refused(tmp_path: Path) -> None:
    folder = f"{SEPARATORS[0]}\n{MAIL.format('One', 'It froze.')}\n" * 4
    with pytest.raises(ParseLimitExceededError, match="4 messages"):
        read(tmp_path / "a", folder, MBOX, Limits(pages=3))


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("From Paris with love, 10:30\nDear Ada,", TEXT),
        ("From: a@example.org\nMessage-ID: <1>\n\nbody", EML),
        ("from datetime import time\n", TEXT),
        ("The calendar has BEGIN:VCALENDAR in it.", TEXT),
    ],
)
def test_other_texts_are_no_folders_and_no_calendars(tmp_path: Path, text: str, media_type: str) -> None:
    path = tmp_path / "a"
    path.write_text(text)
    assert detect(path, "a") == media_type


def write_calendar(*entries: str) -> str:
    body = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nX-WR-CALNAME:Pumps\n{body}END:VCALENDAR\n"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            "SUMMARY:Fair\nDTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260504",
            "Fair\nWhen: 2026-05-01 to 2026-05-03",
        ),
        ("SUMMARY:Fair\nDTSTART;VALUE=DATE:20260501\nDTEND;VALUE=DATE:20260502", "Fair\nWhen: 2026-05-01"),
        (
            "SUMMARY:Flight\nDTSTART;TZID=Europe/Berlin:20260501T100000\nDTEND;TZID=America/New_York:20260501T130000",
            "Flight\nWhen: 2026-05-01 10:00 Europe/Berlin (UTC+02:00) to 13:00 America/New_York (UTC-04:00)",
        ),
        ("SUMMARY:Call\nDTSTART:20260501T090000Z\nDURATION:PT45M", "Call\nWhen: 2026-05-01 09:00 to 09:45 UTC"),
        ("SUMMARY:Call\nDTSTART:20260501T090000", "Call\nWhen: 2026-05-01 09:00"),
        (
            "SUMMARY:Night\nDTSTART;TZID=Asia/Tokyo:20260501T230000\nDTEND;TZID=Asia/Tokyo:20260502T010000",
            "Night\nWhen: 2026-05-01 23:00 Asia/Tokyo (UTC+09:00) to 2026-05-02 01:00 Asia/Tokyo (UTC+09:00)",
        ),
        ("SUMMARY:Bad\nDTSTART:soon\nLOCATION:Hall 7", "Bad\nWhere: Hall 7"),
        ("SUMMARY:Long\nDESCRIPTION:one\\, two\\nthr\n ee", "Long\none, two\nthree"),
        (
            "SUMMARY:Tags\nCATEGORIES:A,B\nSTATUS:CONFIRMED\nURL:https://example.org",
            "Tags\nStatus: CONFIRMED\nCategories: A, B\nLink: https://example.org",
        ),
    ],
)
def test_an_event_is_read_with_its_fields(tmp_path: Path, entry: str, text: str) -> None:
    parsed = read(tmp_path / "a", write_calendar(entry), ICS)
    assert parsed.pages[0].text == text
    assert parsed.metadata["title"] == "Pumps"


def test_tasks_and_several_calendars_in_a_file_are_read(tmp_path: Path) -> None:
    task = "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:Order keys\nDUE:20260501T090000Z\nEND:VTODO\nEND:VCALENDAR\n"
    parsed = read(tmp_path / "a", write_calendar("SUMMARY:Fair", "SUMMARY:Call") + task, ICS)
    assert parsed.pages[0].text == "Fair\n\nCall\n\nOrder keys\nWhen: 2026-05-01 09:00 UTC"


def test_a_calendar_in_an_old_encoding_and_one_that_is_cut_off_are_read(tmp_path: Path) -> None:
    parsed = read(tmp_path / "a", write_calendar("SUMMARY:Prüfung der Maße").encode("cp1252"), ICS)
    assert parsed.pages[0].text == "Prüfung der Maße"
    parsed = read(tmp_path / "a", write_calendar("SUMMARY:Fair")[:-20], ICS)
    assert "Fair" in parsed.pages[0].text


@pytest.mark.parametrize("first", ["From ada@example.org 2024-03-05 10:00", "From - Di Mrz 05 10:00:00 2024"])
def test_the_first_message_is_read_whatever_the_form_of_its_date(tmp_path: Path, first: str) -> None:
    mails = f"{first}\n{MAIL.format('One', 'It froze.')}\n{SEPARATORS[0]}\n{MAIL.format('Two', 'It thawed.')}"
    assert [page.number for page in read(tmp_path / "a", mails, MBOX).pages] == [1, 2]
    alone = read(tmp_path / "a", f"{first}\n{MAIL.format('One', 'It froze.')}", MBOX)
    assert alone.pages[0].text.endswith("Subject: One\n\nIt froze.")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_header(tmp_path: Path, encoding: str) -> None:
    mail = MAIL.format("One", "It froze: Übermaß.")
    folder = read(tmp_path / "a", f"{SEPARATORS[0]}\n{mail}".encode(encoding), MBOX)
    single = read(tmp_path / "a", mail.encode(encoding), EML)
    for parsed in (folder, single):
        assert parsed.pages[0].text == "From: ada@example.org\nSubject: One\n\nIt froze: Übermaß."


def test_a_title_and_a_place_of_any_length_are_read_whole(tmp_path: Path) -> None:
    words = " ".join(f"word{number}" for number in range(400))
    event = f"BEGIN:VEVENT\nSUMMARY:{words}\nLOCATION:{words}\nDTSTART:20240305T100000Z\nEND:VEVENT\n"
    text = read(tmp_path / "a", f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n", ICS).pages[0].text
    assert text == f"{words}\nWhen: 2024-03-05 10:00 UTC\nWhere: {words}"
