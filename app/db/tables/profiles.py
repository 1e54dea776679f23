"""The table of customer profiles."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from app.db.tables.columns import make_id, make_object, make_reference, make_text, make_time, metadata, write_choice
from app.domain.profiles import ProfileStatus

customer_profiles = sa.Table(
    "customer_profiles",
    metadata,
    make_id(),
    sa.Column("organization_id", sa.BigInteger, nullable=False),
    make_reference("agent_id", "agents.id"),
    make_text("name"),
    make_text("website", nullable=True),  # normalised
    # Never ``enriching``: whether a task is under way is read from the task.
    make_text("status", default=ProfileStatus.NEW),
    make_object("fields"),  # for each known field its value, when it was fetched, and its sources
    make_object("summary", nullable=True),
    make_object("error", nullable=True),  # of the last enrichment: code and message
    # What the enrichment that is under way has read. Here and not in the task, so that it is deleted with the profile.
    make_object("reading", nullable=True),
    sa.Column("enrich_every_days", sa.Integer),
    make_time("next_enrichment_at"),
    sa.Column("task_id", UUID(as_uuid=True)),  # the latest enrichment
    make_time("enriched_at"),
    make_time("created_at", nullable=False),
    make_time("updated_at", nullable=False),
    sa.CheckConstraint(
        write_choice("status", [status for status in ProfileStatus if status is not ProfileStatus.ENRICHING]), "status"
    ),
    sa.CheckConstraint("enrich_every_days BETWEEN 1 AND 365", "enrich_every_days"),
    sa.Index("customer_profiles_agent_id_id_idx", "agent_id", "id"),
    sa.Index(
        "customer_profiles_agent_id_website_key",
        "agent_id",
        "website",
        unique=True,
        postgresql_where="website IS NOT NULL",
    ),
    sa.Index(
        "customer_profiles_next_enrichment_at_idx",
        "next_enrichment_at",
        postgresql_where="next_enrichment_at IS NOT NULL",
    ),
)
