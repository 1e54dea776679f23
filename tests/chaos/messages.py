"""The messages that the receiver of a webhook was sent during a run."""

from collections.abc import Iterator, Sequence

from standardwebhooks.webhooks import WebhookVerificationError

from tests.chaos.audit import Fault, Finding
from tests.chaos.evidence import Evidence
from tests.webhooks.receiver import Message


def check_messages(evidence: Evidence, messages: Sequence[Message], secret: str) -> Iterator[Finding]:
    """Every event about a task arrived, signed. It may arrive twice: the answer to the first message may be lost."""
    wanted = {f"evt_{event.id}" for event in evidence.events if event.type.startswith("task.")}
    arrived = {message.id for message in messages}
    yield from (Finding(Fault.LOST, name, "it was not sent to the webhook") for name in sorted(wanted - arrived))
    yield from (Finding(Fault.WRONG, name, "the webhook is no receiver of it") for name in sorted(arrived - wanted))
    for message in messages:
        try:
            message.verify(secret)
        except WebhookVerificationError as error:
            yield Finding(Fault.WRONG, message.id, f"its signature is not valid: {error}")
