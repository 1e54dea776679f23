"""The whole schema: importing this module declares every table."""

from app.db.tables import (
    answers,
    billing,
    core,
    evaluations,
    events,
    files,
    onboarding,
    operations,
    profiles,
    tenants,
    usage,
    vectors,
    web,
    webhooks,
    words,
)
from app.db.tables.columns import metadata

MODULES = (
    answers,
    billing,
    core,
    evaluations,
    events,
    files,
    onboarding,
    operations,
    profiles,
    tenants,
    usage,
    vectors,
    web,
    webhooks,
    words,
)
"""Every module that declares tables. Add a new one here."""

__all__ = ["MODULES", "metadata"]
