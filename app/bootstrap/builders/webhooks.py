"""Builds the services of webhooks in ``app.services.notifications``."""

from dataclasses import dataclass

from app.adapters.web.client import WebClient
from app.adapters.webhooks.sender import HttpWebhookSender
from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.queue import QueueServices
from app.domain.addresses import AllowedHosts
from app.services.notifications.deliveries import Deliveries
from app.services.notifications.sending import Sending
from app.services.notifications.webhooks import Webhooks
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class WebhookServices:
    """The services of webhooks and callbacks."""

    webhooks: Webhooks
    deliveries: Deliveries
    sending: Sending


def build_webhooks(settings: Settings, adapters: Adapters, queue: QueueServices) -> WebhookServices:
    """Build the services that register webhooks and send events to them."""
    allowed = AllowedHosts.parse(settings.web_allowed_hosts)
    client = WebClient(user_agent=settings.web_user_agent, time_limit=settings.webhook_time_limit, allowed=allowed)
    sending = Sending(adapters.database, HttpWebhookSender(client), queue.admission, settings.webhook_disable_days)
    return WebhookServices(
        webhooks=Webhooks(adapters.database, allowed),
        deliveries=Deliveries(adapters.database, queue.admission),
        sending=sending,
    )
