"""Work on the database that takes minutes: without the time limits of ordinary statements."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# No parallel build of an index: it needs its memory in /dev/shm, which is small in containers, and a second core.
_LIFT_LIMITS = text("""
    SELECT set_config(name, setting, CAST(:locally AS boolean)) FROM (VALUES
        ('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '0'),
        ('maintenance_work_mem', '512MB'), ('work_mem', '128MB'), ('max_parallel_maintenance_workers', '0')
    ) AS wanted (name, setting)
    WHERE name IN (SELECT name FROM pg_settings)
""")


async def lift_limits(connection: AsyncConnection, *, locally: bool) -> None:
    """Set the limits of the session, or only those of its transaction (``locally``)."""
    await connection.execute(_LIFT_LIMITS, {"locally": locally})
