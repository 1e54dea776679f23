"""The ports for parsing, for messages to workers, for alerts and for watching tasks."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from app.domain.documents import Parsed
from app.domain.ids import TaskId
from app.domain.tasks import Bell, Task


class Parser(Protocol):
    """Extracts clean text from document files."""

    async def parse(
        self,
        path: Path,
        media_type: str,
        on_page: Callable[[int, int], None] | None = None,
        *,
        address: str | None = None,
    ) -> Parsed:
        """Parse the file at ``path``.

        Args:
            path: A local file.
            media_type: One of ``app.domain.media.SUPPORTED``.
            on_page: Called on the event loop as ``(pages done, total pages)`` while a paged format is read.
            address: The address that a web page was read from; its relative links refer to it.

        Raises:
            DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError, ParseLimitExceededError
            ParserKilledError, RetryLaterError: the same file may be readable later.
        """


class Doorbell(Protocol):
    """Publishes the messages that call workers, and the states of tasks to Celery's result backend.

    No method raises when a server is unavailable; the failure is logged. A lost message is published again later,
    and clients read states from the ledger.
    """

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish one message for each bell, except where messages wait that make it superfluous (``Bell.limit``)."""

    def publish_state(
        self, task_id: TaskId, version: int, state: str, info: Any, *, reports_success: bool = False
    ) -> None:
        """Store a Celery state under the task's id soon, which also notifies the clients that watch the task.

        Args:
            task_id: The task.
            version: The version of its row. A state never replaces one with a higher version.
            state: The state, in Celery's terms.
            info: The result, the error or the progress.
            reports_success: Celery does not report that the task succeeded: it is a parent that no worker runs, or its
                slot ran it without a message of its own.
        """

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Call ``notify`` soon if a client waits for changes of the task, as far as the result backend shows it."""

    def publish_start(self, bell: Bell) -> None:
        """Report that a slot runs a task without a message, which Celery does not report."""

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Delete the Celery states of these tasks, with their results."""


class Alarm(Protocol):
    """Alerts an outside service to tasks that failed for good."""

    async def raise_for(self, task: Task) -> None:
        """Report a dead letter. A failure to report it is logged; the dead letter stays in the ledger."""


class TaskWatch(Protocol):
    """Reports changes of tasks, though not each of them."""

    def watch(self, task_id: TaskId, notify: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Within the block, ``notify`` is called when the task may have changed, as far as that is reported."""
