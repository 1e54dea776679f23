"""The processor time of reading mails, mail folders, calendars and old encodings: linear in the size of the file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.media import EML, ICS, MBOX, MSG, TEXT
from tests.pipeline.compound_files import make_message
from tests.pipeline.test_parse_cost import check_linear

pytestmark = pytest.mark.slow

_HEAD = b"From: a@example.org\nSubject: x\n"
_SEPARATOR = b"From a Tue Mar  5 10:00:00 2024\n"
_PART = b"--b\nContent-Type: text/plain; name=a%d.txt\n\nfile %d\n"
_EVENT = b"BEGIN:VEVENT\nSUMMARY:x\nDTSTART:20260501T090000Z\nATTENDEE:mailto:a@example.org\nEND:VEVENT\n"
_MIXED = _HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n"
_CHOICE = _HEAD + b"Content-Type: multipart/alternative; boundary=b\n\n"
_WORD = b"=?utf-8?Q?=C3=A4?= "

_FORMS: dict[str, tuple[str, Callable[[int], bytes], int]] = {
    "attachments": (EML, lambda n: _MIXED + b"".join(_PART % (at, at) for at in range(n)) + b"--b--\n", 500),
    "alternatives": (EML, lambda n: _CHOICE + b"--b\n\nsome words\n" * n + b"--b--\n", 1_000),
    "headers": (EML, lambda n: _HEAD + b"X: y\n" * n + b"\nbody", 20_000),
    "encoded words": (EML, lambda n: b"From: a@example.org\n" + b"To: " + _WORD * 200 + b"\n" + b"X: y\n" * n, 20_000),
    "flowed lines": (EML, lambda n: _HEAD + b"Content-Type: text/plain; format=flowed\n\n" + b"word \n" * n, 20_000),
    "damaged base64": (EML, lambda n: _HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"QUJD=!\n" * n, 20_000),
    "messages": (MBOX, lambda n: (_SEPARATOR + _HEAD + b"\nIt froze.\n\n") * n, 500),
    "lines like separators": (MBOX, lambda n: _SEPARATOR + _HEAD + b"\n" + b"From here Mon 10:00 on\n" * n, 20_000),
    "one long separator": (MBOX, lambda n: _SEPARATOR + _HEAD + b"\nx\nFrom " + b"Mon 10:00 " * n, 20_000),
    "events": (ICS, lambda n: b"BEGIN:VCALENDAR\n" + _EVENT * n + b"END:VCALENDAR\n", 500),
    "recipients": (MSG, lambda n: make_message({0x1000: "x"}, [{0x3001: "Ada", 0x0C15: 1}] * n), 200),
    "a line in an old encoding": (TEXT, lambda n: "Größe und Maß ".encode("cp1252") * n, 20_000),
    "a line with one letter": (TEXT, lambda n: b"plain text " * n + b"\xe4", 50_000),
}


@pytest.mark.parametrize("form", _FORMS)
def test_a_mail_of_any_form_is_read_in_linear_time(tmp_path: Path, form: str) -> None:
    media_type, make, size = _FORMS[form]

    def write(number: int) -> Path:
        path = tmp_path / "a"
        path.write_bytes(make(number))
        return path

    check_linear(write, media_type, size)
