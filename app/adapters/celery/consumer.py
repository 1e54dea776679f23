"""The consumer of workers."""

from collections.abc import Callable
from typing import Any, ClassVar

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer
from kombu import Message

from app.adapters.celery.events import switch
from app.adapters.celery.messages import find_fault, refusals, refuse_compression, remove_options

_SWITCH_SECONDS = 1.0
_logger = get_logger(__name__)


class BellConsumer(Consumer):
    """Celery's consumer, which accepts only the messages that Sluice publishes.

    It drops any other message, with a log line at most every ten seconds. Celery's own would log each with its content
    and a traceback, run its built-in tasks, and obey a message's time limits, ETA and callbacks.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]  # a variable in its stubs
        """Celery's steps, in its order, without its queues for delayed messages.

        With quorum queues, Celery would declare 28 more queues, each with an exchange. No bell has an ETA.
        """

        default_steps: ClassVar[list[str]] = [
            step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        ]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        refuse_compression()
        super().__init__(*arguments, **options)
        self.timer.call_repeatedly(_SWITCH_SECONDS, self._turn_switch)

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Message], Any]:
        """The function that receives each message of the queues."""
        accept = super().create_task_handler(*arguments, **options)

        def on_task_received(message: Message) -> None:
            reason = find_fault(message)
            if reason is None:
                remove_options(message)
                accept(message)
            else:
                self._drop(message, reason)

        return on_task_received

    def on_decode_error(self, message: Message, _error: Exception) -> None:
        """Drop a message that kombu cannot decode."""
        self._drop(message, "it cannot be decoded")

    def on_unknown_task(self, _body: Any, message: Message, _error: Exception) -> None:
        """Drop a message for a task that this worker does not run, such as one of a later version.

        The row stays: Celery's own method would write a failure to the result backend.
        """
        self._drop(message, "this worker does not run its task")

    def _turn_switch(self) -> None:
        """Let the processes of the pool send events for as long as Celery's own task events are turned on."""
        dispatcher = self.event_dispatcher  # type: ignore[attr-defined]  # not in its stubs
        wanted = dispatcher and dispatcher.enabled and (not dispatcher.groups or "task" in dispatcher.groups)
        switch.turn(self.hostname if wanted else None)

    def _drop(self, message: Message, reason: str) -> None:
        refusals.add(reason, message.delivery_info.get("routing_key"))
        message.ack_log_error(_logger, self.connection_errors)  # type: ignore[attr-defined]  # not in its stubs
