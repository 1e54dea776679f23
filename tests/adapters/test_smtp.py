"""Mails go to a real SMTP server: plain, encrypted, refused, and never with a header of a stranger."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.adapters.mail.smtp import SmtpMailer
from app.domain.errors import MailRefusedError, MailUnavailableError, StartupError
from app.domain.mail import Attachment, Mail, is_mail_address
from app.settings import load_settings
from tests.adapters.mail_server import PASSWORD, USER, Inbox, open_mail_server
from tests.web_server import CERTIFICATE

_MAIL = Mail(
    "ops@example.com", "Usage of Zoë GmbH", "2 documents\n", "0199-7", Attachment("u.csv", "text/csv", "a,b\n")
)


@pytest.fixture(autouse=True)
def _public_example(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve ``public.example``, the name in the test's certificate, to this machine, and trust the certificate."""
    resolve = socket.getaddrinfo

    def resolve_here(host: Any, *arguments: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if host == "public.example" else host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.fixture
def plain() -> Iterator[tuple[Inbox, int]]:
    """A server without TLS."""
    with open_mail_server() as running:
        yield running


async def test_a_mail_arrives_with_text_and_attachment(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    await SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)
    [mail] = inbox.mails
    assert (mail["From"], mail["To"]) == ("sluice@corp.example", "ops@example.com")
    assert mail["Subject"] == "Usage of Zoë GmbH"
    body, attached = mail.get_body(("plain",)), [*mail.iter_attachments()]
    assert body is not None
    assert body.get_content().splitlines() == ["2 documents"]
    assert [(part.get_content_type(), part.get_filename()) for part in attached] == [("text/csv", "u.csv")]
    assert inbox.recipients == ["ops@example.com"]


async def test_a_mail_that_was_accepted_is_sent_whatever_the_server_answers_to_quit(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    inbox.goodbye = "451 4.3.0 Try again"
    await SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)
    assert len(inbox.mails) == 1


async def test_a_repetition_has_the_same_message_id(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example")
    await mailer.send(_MAIL)
    await mailer.send(_MAIL)
    assert [mail["Message-ID"] for mail in inbox.mails] == ["<0199-7@corp.example>"] * 2


async def test_line_breaks_in_a_subject_make_no_header(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    mail = Mail("ops@example.com", "Report of A\r\nBcc: thief@example.com\r\n\r\nbody\u2028x", "text", "k")
    await SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example").send(mail)
    assert inbox.mails[0]["Subject"] == "Report of A Bcc: thief@example.com body x"
    assert inbox.mails[0]["Bcc"] is None
    assert inbox.recipients == ["ops@example.com"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ops",
        "a@b\r\nBcc: c@d",
        "a@b,c@d",
        "A <a@b.c>",
        "a b@c.d",
        "a@b c",
        "ä@b.c",
        "a@-b.c",
        "a@b..c",
        "x" * 255 + "@b.c",
    ],
)
def test_what_is_not_one_address_is_refused(address: str) -> None:
    assert not is_mail_address(address)
    with pytest.raises(ValueError, match="not a mail address"):
        Mail(address, "s", "t", "k")


@pytest.mark.parametrize("refusal", ["550 No such user here", "554 5.7.1 Rejected"])
async def test_a_refusal_for_good_is_not_retried(plain: tuple[Inbox, int], refusal: str) -> None:
    inbox, port = plain
    inbox.refusals = [refusal]
    with pytest.raises(MailRefusedError, match=r"It answered 55[04]: ") as caught:
        await SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)
    assert not caught.value.retryable


async def test_a_refusal_for_now_is_retried_after_minutes(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    inbox.refusals = ["451 4.7.1 Greylisted, try again"]
    mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example")
    with pytest.raises(MailUnavailableError, match="Greylisted") as caught:
        await mailer.send(_MAIL)
    assert caught.value.retryable
    assert caught.value.retry_after == 300
    await mailer.send(_MAIL)
    assert len(inbox.mails) == 1


async def test_a_server_that_does_not_answer_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(MailUnavailableError, match=str(port)):
        await SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_password_is_sent_encrypted(scheme: str) -> None:
    with open_mail_server(starttls=scheme == "smtp", implicit_tls=scheme == "smtps") as (inbox, port):
        url = f"{scheme}://{USER}:a%20password%20%2F%20with%3A%20signs@public.example:{port}"
        await SmtpMailer(url, "sluice@corp.example").send(_MAIL)
        assert inbox.encrypted == [True]


async def test_a_password_is_never_sent_without_encryption(plain: tuple[Inbox, int]) -> None:
    inbox, port = plain
    with pytest.raises(MailUnavailableError, match="STARTTLS"):
        await SmtpMailer(f"smtp://{USER}:secret@127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)
    assert inbox.mails == []


async def test_a_certificate_of_another_host_is_refused() -> None:
    with open_mail_server(starttls=True) as (inbox, port):
        with pytest.raises(MailUnavailableError, match="certificate"):
            await SmtpMailer(f"smtp://{USER}:secret@127.0.0.1:{port}", "sluice@corp.example").send(_MAIL)
        assert inbox.mails == []


async def test_a_wrong_password_is_reported_without_showing_it() -> None:
    with open_mail_server(starttls=True) as (_, port):
        with pytest.raises(MailUnavailableError, match="Check the user name and password in SMTP_URL") as caught:
            await SmtpMailer(f"smtp://{USER}:wrong-one@public.example:{port}", "sluice@corp.example").send(_MAIL)
        assert "wrong-one" not in caught.value.message
        assert PASSWORD not in caught.value.message


@pytest.mark.parametrize("url", ["http://a", "smtp://", "smtp://a/b", "smtp://a?starttls=no", "smtp://user:se/cret@a"])
def test_a_bad_address_of_the_server_stops_the_start_without_showing_a_password(url: str) -> None:
    with pytest.raises(StartupError, match="SMTP_URL: ") as caught:
        load_settings(smtp_url=url)
    assert "cret" not in caught.value.message
