"""Signatures of webhooks. Imports no HTTP client, so that the command line starts quickly."""

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook


def sign(message_id: str, body: str, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The headers of a message: its id, the time, and a signature for each secret."""
    signatures = [Webhook(secret).sign(message_id, at, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
