"""The tables of organizations and their API keys."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from app.db.tables.columns import make_id, make_integer, make_object, make_reference, make_text, make_time, metadata

organizations = sa.Table(
    "organizations",
    metadata,
    make_id(),
    make_text("name"),
    make_time("created_at", nullable=False),
    # What the organization has chosen: a key for each subject, such as ``retention`` or ``budgets``.
    make_object("settings"),
    # Until when events are recorded: always while it has a webhook, and for some days after its feed was read.
    make_time("events_until"),
    # Counts the changes of its limits and those of its agents, so that each process notices one with its next request.
    make_integer("limits_version"),
    sa.Index("organizations_events_until_idx", "events_until", postgresql_where="events_until IS NOT NULL"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    make_id(),
    make_reference("organization_id", "organizations.id"),
    make_text("name"),
    make_text("prefix"),  # the first characters, so that people can tell keys apart
    sa.Column("hash", BYTEA, nullable=False, unique=True),  # SHA-256 of the secret
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),  # without ``operator``
    sa.Column("operator", sa.Boolean, nullable=False, server_default=sa.text("false")),
    # The agents that the key may use; NULL for all of the organization.
    sa.Column("agent_ids", ARRAY(sa.BigInteger)),
    # The search filter that documents must match to exist for this key; NULL for all documents.
    make_object("document_filter", nullable=True),
    # The secret before the rotation, which is valid until then.
    sa.Column("former_hash", BYTEA, unique=True),
    make_time("former_expires_at"),
    # The secrets before those. A start with one of them as ``BOOTSTRAP_API_KEY`` creates no key.
    sa.Column("retired_hashes", ARRAY(BYTEA), nullable=False, server_default=sa.text("'{}'")),
    make_time("created_at", nullable=False),
    make_time("expires_at"),
    make_time("last_used_at"),  # exact to the minute
    make_time("revoked_at"),
    sa.Index(None, "organization_id"),
)
