"""The consumer of Celery's workers on RabbitMQ."""

from typing import ClassVar

from celery.worker.consumer import Consumer


class BellConsumer(Consumer):
    """Celery's own, without what it makes for delayed messages where queues are quorum queues.

    That would be 28 more quorum queues and an exchange for each. No bell has an ETA.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc, valid-type]  # a variable in its stubs
        """The steps, in Celery's order."""

        default_steps: ClassVar[list[str]] = [
            step for step in Consumer.Blueprint.default_steps if not step.endswith(":DelayedDelivery")
        ]
