from dataclasses import dataclass

from app.adapters.sentry import SentryAlarm
from app.bootstrap.adapters import Adapters
from app.domain.ports import Alarm
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.dead_letter_mails import DeadLetterMails
from app.services.queue.dead_letters import DeadLetters
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.services.queue.parents import Parents
from app.services.queue.recovery import Recovery
from app.services.queue.tasks import Tasks
from app.settings import Settings

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class QueueServices:
    """``app.services.queue``."""

    admission: Admission
    after_commit: AfterCommit
    dead_letter_mails: DeadLetterMails
    dead_letters: DeadLetters
    execution: Execution
    parents: Parents
    recovery: Recovery
    tasks: Tasks


def build_queue(settings: Settings, adapters: Adapters) -> QueueServices:
    """Build the services that run tasks."""
    database, doorbell = adapters.database, adapters.doorbell
    admission = Admission(database, doorbell)
    after_commit = AfterCommit(database, doorbell, admission)
    parents = Parents(database, after_commit)
    mails = DeadLetterMails(
        database,
        admission,
        [address.strip() for address in settings.dead_letter_emails.split(",") if address.strip()],
        settings.dead_letter_email_minutes * _MINUTE,
        is_on=adapters.mailer is not None,
    )
    alarms: list[Alarm] = [mails]
    if settings.sentry_dsn:
        alarms.append(SentryAlarm(settings.sentry_dsn.get_secret_value()))
    policy = RetryPolicy(
        max_retries=settings.task_max_retries,
        backoff=settings.task_retry_backoff,
        backoff_max=settings.task_retry_backoff_max,
        time_limit=settings.celery_task_soft_time_limit,
    )
    return QueueServices(
        admission=admission,
        after_commit=after_commit,
        dead_letter_mails=mails,
        dead_letters=DeadLetters(database, after_commit, alarms),
        execution=Execution(database, after_commit, policy, admission),
        parents=parents,
        recovery=Recovery(database, admission, after_commit, parents, settings.task_max_crashes),
        tasks=Tasks(database, adapters.watch, after_commit, parents),
    )
