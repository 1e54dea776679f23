"""The whole schema: importing this module declares every table. Add a new module of tables here."""

from app.db.tables import (  # noqa: F401 - importing a module declares its tables
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

__all__ = ["metadata"]
