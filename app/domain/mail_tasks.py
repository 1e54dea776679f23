"""The task that sends a mail."""

from app.domain.mail import Attachment, Mail
from app.domain.tasks import NewTask, Queue, TaskName


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
