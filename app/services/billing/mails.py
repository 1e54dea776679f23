"""Mails as tasks: each to one recipient, repeated by the ledger where the server does not accept it at present."""

from app.domain.errors import MailUnavailableError
from app.domain.mail import Attachment, Mail
from app.domain.ports import Mailer
from app.domain.tasks import NewTask, Queue, TaskName
from app.services.queue.attempts import Outcome, RunningAttempt


class Mails:
    """Sends mails. Without a mailer, ``is_on`` is false and no task is to be made."""

    def __init__(self, mailer: Mailer | None) -> None:
        self._mailer = mailer
        self.is_on = mailer is not None

    async def send(self, attempt: RunningAttempt) -> Outcome:
        """Send the mail of a task. Its Message-ID is the task's id, so that a repetition can be recognised.

        Raises:
            MailUnavailableError: the server does not accept it at present, or ``SMTP_URL`` is not set any more.
            MailRefusedError: it never will.
        """
        if self._mailer is None:
            raise MailUnavailableError("SMTP_URL is not set.")
        given = attempt.task.arguments
        attached = Attachment(**given["attachment"]) if given["attachment"] else None
        await self._mailer.send(Mail(given["to"], given["subject"], given["text"], str(attempt.task.id), attached))
        return Outcome({"to": given["to"]}, "The mail server has accepted the mail")


def make_mail_task(
    organization_id: int, agent_id: int, to: str, subject: str, text: str, attachment: Attachment | None = None
) -> NewTask:
    """A task that sends a mail.

    Args:
        organization_id: The organization.
        agent_id: Its internal agent.
        to: The recipient's address.
        subject: One line.
        text: The body.
        attachment: A file, if any.

    Raises:
        ValueError: ``to`` is not one address.
    """
    arguments = Mail(to, subject, text, "", attachment).as_arguments()
    return NewTask(organization_id, agent_id, TaskName.SEND_MAIL, Queue.DEFAULT, arguments=arguments)
