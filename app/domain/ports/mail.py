"""The port for sending mails."""

from typing import Protocol

from app.domain.mail import Mail


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> None:
        """Send a mail. On return, the mail server has accepted it.

        Raises:
            MailUnavailableError: the server is unreachable, or refuses the mail for now.
            MailRefusedError: the server refuses the mail or its recipient for good.
        """
