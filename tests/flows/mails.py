"""Mails made for tests."""

from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP


def make_mail(text: str, attachments: Mapping[str, bytes], subject: str = "The tolls") -> bytes:
    """A mail with these attachments by name; one that ends in ``.eml`` is a mail within it."""
    mail = EmailMessage(SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Ada Lane <ada@example.org>", "ops@example.org", subject
    mail["Date"], mail["Message-ID"] = "Tue, 05 Mar 2024 10:00:00 +0100", "<1@example.org>"
    mail.set_content(text)
    for name, content in attachments.items():
        mail.add_attachment(content, "application", "octet-stream", filename=name)
    if attachments:
        mail.set_boundary("=part=")
    return mail.as_bytes()
