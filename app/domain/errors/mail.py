"""Failures of the mail server."""

from app.domain.errors.base import SluiceError
from app.domain.errors.requests import ServiceUnavailableError


class MailUnavailableError(ServiceUnavailableError):
    """The mail server is unreachable, or does not accept the mail at present."""

    code = "mail_unavailable"


class MailRefusedError(SluiceError):
    """The mail server refused the mail. Sending it again does not help."""

    code = "mail_refused"
