"""A webhook with deliveries that were sent long ago, for the statements that forget them."""

from tests.ledger.bench import ORGANIZATION, Bench


def fill_webhooks(bench: Bench) -> None:
    """Insert a webhook with ended deliveries."""
    bench.sql(
        "WITH made AS (INSERT INTO webhooks (organization_id, url) VALUES (:organization, 'https://example.com/')"
        " RETURNING id)"
        " INSERT INTO webhook_deliveries (organization_id, webhook_id, message_id, event, body, status, created_at)"
        " SELECT :organization, made.id, 'evt', 'task.succeeded', '{}', 'delivered', now() - interval '100 days'"
        " FROM made, generate_series(1, 5)",
        organization=ORGANIZATION,
    )
