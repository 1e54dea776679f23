"""The consumer of workers on RabbitMQ."""

from typing import ClassVar

from celery.worker.consumer import Consumer


class BellConsumer(Consumer):
    """Celery's consumer without its queues for delayed messages.

    With quorum queues, Celery would declare 28 more queues, each with an exchange. No bell has an ETA.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]  # a variable in its stubs
        """The steps, in Celery's order."""

        default_steps: ClassVar[list[str]] = [
            step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        ]
