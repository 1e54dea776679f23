"""The tables of bills: statements, limits, and which limits were reached."""

import sqlalchemy as sa

from app.db.tables.columns import make_object, make_reference, make_time, metadata

LIMITS = ("documents_per_month", "stored_bytes", "tokens_per_month", "requests_per_minute", "amount_per_month")
"""The columns of ``limits`` that hold a limit; NULL for none."""


def _make_organization() -> sa.Column[int]:
    return make_reference("organization_id", "organizations.id", primary_key=True)


def _make_agent() -> sa.Column[int]:
    """The agent; 0 for the organization as a whole."""
    return sa.Column("agent_id", sa.BigInteger, primary_key=True, autoincrement=False)


def _make_month() -> sa.Column[object]:
    """The first day of the month in UTC."""
    return sa.Column("month", sa.Date, primary_key=True)


billing_statements = sa.Table(
    "billing_statements",
    metadata,
    _make_organization(),
    _make_month(),
    # A row never changes: late usage makes a further revision.
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    make_object("prices"),
    make_object("lines", empty="[]"),
    # What was used, from which the lines were made: a difference to it is late usage.
    make_object("uses", empty="[]"),
    sa.Column("total", sa.Numeric, nullable=False),
    make_time("made_at", nullable=False),
)

limits = sa.Table(
    "limits",
    metadata,
    _make_organization(),
    _make_agent(),
    *(sa.Column(name, sa.Numeric if name == "amount_per_month" else sa.BigInteger) for name in LIMITS),
)

limit_notices = sa.Table(
    "limit_notices",
    metadata,
    _make_organization(),
    _make_agent(),
    _make_month(),
    # The limit, and what was noticed: ``warning`` or ``exceeded``. Each raises one event a month.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, primary_key=True),
)
