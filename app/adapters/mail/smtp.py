"""Sends mails by SMTP, with the standard library: the port ``Mailer``."""

import asyncio
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import parse_qs, unquote, urlsplit

from app.domain.errors import MailRefusedError, MailUnavailableError
from app.domain.mail import Mail

_TIMEOUT_SECONDS = 30.0
_PORTS = {"smtp": 587, "smtps": 465}
# Long enough for greylisting, which refuses the first mail of an unknown sender for some minutes.
_RETRY_SECONDS = 300.0
_PERMANENT = 500
_CREDENTIALS_REJECTED = 535


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server, as ``SMTP_URL`` describes it."""

    host: str
    port: int
    user: str
    password: str
    implicit_tls: bool
    requires_tls: bool

    @classmethod
    def parse(cls, url: str) -> "MailServer":
        """Read ``smtp://user:password@host:587`` or ``smtps://…``.

        A connection by ``smtp://`` is encrypted by STARTTLS if the server offers it. It must be if there is a password,
        or if the URL ends with ``?starttls=required``.
        """
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        required = parse_qs(parts.query).get("starttls") == ["required"]
        return cls(
            parts.hostname or "localhost",
            parts.port or _PORTS[parts.scheme],
            user,
            password,
            implicit_tls=parts.scheme == "smtps",
            requires_tls=required or bool(password),
        )


class SmtpMailer:
    """Sends each mail over a connection of its own, in a thread.

    Certificates are checked against those of the operating system, or of ``SSL_CERT_FILE``.

    Args:
        url: The server, as ``MailServer.parse`` reads it.
        sender: The address in ``From``.
    """

    def __init__(self, url: str, sender: str) -> None:
        self._server = MailServer.parse(url)
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """Send a mail; see the port."""
        message = write_message(mail, self._sender)
        await asyncio.to_thread(self._send, message, mail.to)

    def _send(self, message: EmailMessage, recipient: str) -> None:
        try:
            connection = self._connect()
            try:
                if self._server.user:
                    connection.login(self._server.user, self._server.password)
                connection.send_message(message, self._sender, [recipient])
                # The mail is accepted, whatever the server answers now.
                with suppress(smtplib.SMTPException, OSError):
                    connection.quit()
            finally:
                connection.close()
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reply)] = error.recipients.values()
            raise _make_error(code, reply) from None
        except smtplib.SMTPResponseException as error:
            raise _make_error(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPException, OSError) as error:
            detail = f"{self._server.host}:{self._server.port}: {type(error).__name__}: {error}"
            raise MailUnavailableError(detail, retry_after=_RETRY_SECONDS) from error

    def _connect(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.implicit_tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=_TIMEOUT_SECONDS, context=context)
        connection = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_SECONDS)
        try:
            self._encrypt(connection, context)
        except BaseException:
            connection.close()
            raise
        return connection

    def _encrypt(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        connection.ehlo_or_helo_if_needed()
        if connection.has_extn("starttls"):
            connection.starttls(context=context)
        elif self._server.requires_tls:
            raise smtplib.SMTPNotSupportedError("The server does not offer STARTTLS.")


def write_message(mail: Mail, sender: str) -> EmailMessage:
    """The message of a mail. Its Message-ID follows from the mail's key."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Message-ID"] = f"<{mail.key}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if (attached := mail.attachment) is not None:
        subtype = attached.media_type.partition("/")[2]
        message.add_attachment(attached.text, subtype=subtype, filename=attached.filename)
    return message


def _make_error(code: int, reply: bytes | str) -> MailRefusedError | MailUnavailableError:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    detail = f"It answered {code}: {' '.join(text.split())[:300]}"
    if code == _CREDENTIALS_REJECTED:
        return MailUnavailableError(
            f"{detail} Check the user name and password in SMTP_URL.", retry_after=_RETRY_SECONDS
        )
    if code >= _PERMANENT:
        return MailRefusedError(detail)
    return MailUnavailableError(detail, retry_after=_RETRY_SECONDS)
