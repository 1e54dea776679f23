from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.queue import QueueServices
from app.services.notifications.fan_out import fan_out
from app.services.notifications.feed import Feed
from app.services.notifications.sequencer import Sequencer


@dataclass(frozen=True, slots=True)
class NotificationServices:
    """``app.services.notifications``: the feeds of events."""

    feed: Feed
    sequencer: Sequencer


def build_notifications(adapters: Adapters, queue: QueueServices) -> NotificationServices:
    """Build the services that give organizations their events."""
    sequencer = Sequencer(adapters.database, queue.admission, fan_out)
    return NotificationServices(Feed(adapters.database), sequencer)
