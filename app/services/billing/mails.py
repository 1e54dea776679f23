"""Mails as tasks: each to one recipient, repeated by the ledger while the server does not accept it."""

from datetime import UTC, datetime, timedelta

from app.domain.errors import MailUnavailableError, RetryLaterError
from app.domain.mail import Attachment, Mail
from app.domain.ports import Mailer
from app.services.queue.attempts import Outcome, RunningAttempt

_PATIENCE = timedelta(days=2)
"""A mail that was not accepted for so long fails, as with mail servers."""
_RETRY_SECONDS = 300.0


class Mails:
    """Sends mails. Without a mailer, ``is_on`` is false and no task is to be made."""

    def __init__(self, mailer: Mailer | None) -> None:
        self._mailer = mailer
        self.is_on = mailer is not None

    async def send(self, attempt: RunningAttempt) -> Outcome:
        """Send the mail of a task. Its Message-ID is the task's id, so that a repetition can be recognised.

        Raises:
            RetryLaterError: the server does not accept it at present.
            MailUnavailableError: it has not for two days, or ``SMTP_URL`` is not set any more.
            MailRefusedError: it never will.
        """
        if self._mailer is None:
            raise MailUnavailableError("SMTP_URL is not set.")
        given = attempt.task.arguments
        attached = Attachment(**given["attachment"]) if given["attachment"] else None
        mail = Mail(given["to"], given["subject"], given["text"], str(attempt.task.id), attached)
        try:
            await self._mailer.send(mail)
        except MailUnavailableError as error:
            if datetime.now(UTC) - attempt.task.created_at > _PATIENCE:
                raise
            pause = error.retry_after or _RETRY_SECONDS
            raise RetryLaterError(f"The mail is not accepted yet: {error.message}", retry_after=pause) from error
        return Outcome({"to": given["to"]}, "The mail server has accepted the mail")
