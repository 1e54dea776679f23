"""MBOX: the mails of a folder, each as a numbered page (RFC 4155)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.domain.counting import count_of
from app.domain.documents import Attachment, Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.mail.eml import read_mail
from app.pipeline.parse.mail.transfer import read_stored

_SEPARATOR = re.compile(
    rb"^(?>From [^\r\n]{0,500}?\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|(?:19|20)\d\d-\d\d-\d\d)\b[^\r\n]{0,100}?\d\d:\d\d)"
    rb"[^\r\n]*+\r?\n(?=[!-9;-~]++:|>From )",
    re.MULTILINE,
)
"""The line before each mail, with its date. A line of a text that begins alike has no header after it."""
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_MAX_LISTED = 100


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The mails of a folder as numbered pages, with the attachments of all.

    Encrypted and damaged ones are listed as ``unreadable_messages``.

    Raises:
        DocumentEncryptedError, DocumentDamagedError: when no mail can be read.
        ParseLimitExceededError: when it has more mails, or more text, than allowed.
    """
    data = read_stored(path)
    starts = _find_starts(data)
    if len(starts) > limits.pages:
        raise ParseLimitExceededError(f"It has {count_of(len(starts), 'message')}; the limit is {limits.pages}.")
    budget = Budget(limits.characters, "Its messages have more text than is allowed.")
    pages: list[Page] = []
    attachments: list[Attachment] = []
    unreadable: list[int] = []
    error: DocumentDamagedError | DocumentEncryptedError | None = None
    for number, message in enumerate(_cut(data, starts), 1):
        try:
            text, _, mail = read_mail(message, limits)
        except (DocumentDamagedError, DocumentEncryptedError) as failure:
            error = failure
            unreadable.append(number)
            continue
        budget.spend(len(text))
        pages.append(Page(number, text))
        attachments += mail.attachments
        report(number, len(starts))
    if error and not pages:
        raise error
    metadata: dict[str, Any] = {"messages": len(starts), "unreadable_messages": unreadable[:_MAX_LISTED]}
    return Parsed(pages, metadata, attachments)


def _find_starts(data: bytes) -> list[tuple[int, int]]:
    """Where each separator begins and ends. The first line of a folder is one, also with a date of another form."""
    starts = [found.span() for found in _SEPARATOR.finditer(data)]
    return starts if starts and not starts[0][0] else [(0, data.find(b"\n") + 1), *starts]


def _cut(data: bytes, starts: list[tuple[int, int]]) -> Iterator[bytes]:
    """The mails between the separators, with quoted lines restored (``>From``)."""
    ends = [start for start, _ in starts[1:]] + [len(data)]
    for (_, start), end in zip(starts, ends, strict=True):
        yield _QUOTED.sub(rb"\1", data[start:end])
