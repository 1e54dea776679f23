"""Mails: what is sent, and which addresses may receive it."""

import re
from dataclasses import dataclass
from typing import Any

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_LONGEST_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SUBJECT_CHARACTERS = 200


def is_mail_address(value: str) -> bool:
    """Whether ``value`` is one address such as ``ops@example.com``, in ASCII and without a display name."""
    return len(value) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that is attached to a mail. ``media_type`` is a subtype of ``text``, such as ``text/csv``."""

    filename: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient, so that a repetition never reaches another one.

    Attributes:
        to: The recipient's address.
        subject: One line. Line breaks and control characters become spaces.
        text: The body.
        key: Identifies the mail, such as the id of its task. A repetition has the same Message-ID.
        attachment: A file, if any.
    """

    to: str
    subject: str
    text: str
    key: str
    attachment: Attachment | None = None

    def __post_init__(self) -> None:
        """Check the address, and make the subject one line.

        Raises:
            ValueError: ``to`` is not one address.
        """
        if not is_mail_address(self.to):
            raise ValueError(f"{self.to!r} is not a mail address.")
        object.__setattr__(self, "subject", _NOT_PRINTED.sub(" ", self.subject).strip()[:_SUBJECT_CHARACTERS])

    def as_arguments(self) -> dict[str, Any]:
        """The arguments of the task that sends the mail; the task's id becomes its key."""
        attached = self.attachment
        file = attached and {"filename": attached.filename, "media_type": attached.media_type, "text": attached.text}
        return {"to": self.to, "subject": self.subject, "text": self.text, "attachment": file}
