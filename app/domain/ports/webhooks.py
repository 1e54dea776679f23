"""The port for sending webhooks."""

from collections.abc import Sequence
from typing import Protocol

from app.domain.webhooks import Answer


class WebhookSender(Protocol):
    """Sends signed messages to receivers outside."""

    async def send(self, url: str, message_id: str, body: str, secrets: Sequence[str]) -> Answer:
        """Send a message, signed with each of the secrets, now. Every failure is in the answer: nothing is raised.

        Redirects are not followed, and addresses that are not public are not connected to, except for those that the
        operator allows.
        """
