"""A real SMTP server that keeps the mails that it accepts."""

import ssl
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.web_server import CERTIFICATE

USER, PASSWORD = "sluice", "a password / with: signs"


class Inbox:
    """Accepts mails, or answers the next recipients with ``refusals``."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.encrypted: list[bool] = []
        self.refusals: list[str] = []
        self.goodbye = "221 Bye"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept a recipient, or give the next refusal."""
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        """Answer the end of a connection."""
        return self.goodbye

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail."""
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients += envelope.rcpt_tos
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 Message accepted for delivery"


def _authenticate(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
    given = data.login.decode(), data.password.decode()
    return AuthResult(success=mechanism in {"LOGIN", "PLAIN"} and given == (USER, PASSWORD), handled=False)


def _make_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


class _FreePort(Controller):
    def _trigger_server(self) -> None:
        """Find the port: that of the arguments is 0, and the first connection goes to it."""
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def open_mail_server(*, starttls: bool = False, implicit_tls: bool = False) -> Iterator[tuple[Inbox, int]]:
    """Run a server on a free port; with TLS, its certificate is that of ``public.example``."""
    inbox = Inbox()
    controller = _FreePort(
        inbox,
        hostname="127.0.0.1",
        port=0,
        ssl_context=_make_context() if implicit_tls else None,
        tls_context=_make_context() if starttls else None,
        authenticator=_authenticate,
        auth_require_tls=not implicit_tls,
        auth_required=starttls,
    )
    controller.start()
    try:
        yield inbox, controller.port
    finally:
        controller.stop()
