"""Write a migration: ``make migration NAME="add a column"``.

Compares the tables that ``app.db`` declares with a throw-away embedded database at the newest revision. Alembic does
not compare CHECK constraints: add those by hand. ``./sluice migrate --check`` lists the ones that are missing.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import create_engine
from app.db.schema import find_differences, migrate
from app.embedded import Engines

_INI = Path(__file__).parents[1] / "alembic.ini"


async def write_migration(engine: AsyncEngine, name: str, folder: Path | None = None) -> Path:
    """Write the migration that brings the database to the declared tables; returns its path.

    Args:
        engine: A database at the newest revision.
        name: What the migration does; its docstring, and a part of its file's name.
        folder: Where to write it; None: with the others.
    """

    def write(connection: Connection) -> Path:
        config = Config(_INI)
        config.attributes["connection"] = connection
        if folder is not None:
            config.set_main_option("version_locations", f"{_INI.parent / 'migrations' / 'versions'}:{folder}")
        script = command.revision(
            config, message=name, autogenerate=True, version_path=str(folder) if folder is not None else None
        )
        if script is None or isinstance(script, list):
            raise TypeError("one revision was asked for")
        return Path(script.path)

    async with engine.connect() as connection:
        return await connection.run_sync(write)


async def describe_change(engine: AsyncEngine) -> str:
    """Return what the author of a new migration must add to it by hand; empty when Alembic writes all of it."""
    differences = await find_differences(engine)
    if not differences:
        return "The tables are unchanged, so the migration is empty: write its statements, or delete it."
    by_hand = [difference for difference in differences if "CHECK constraint" in difference]
    return "\n".join(["Add by hand:", *by_hand]) if by_hand else ""


async def _write(database_url: str, name: str) -> tuple[Path, str]:
    engine = create_engine(database_url, pool_size=1, register_types=False)
    try:
        await migrate(engine)
        return await write_migration(engine, name), await describe_change(engine)
    finally:
        await engine.dispose()


def main() -> None:
    """Write a migration; the command line holds its name."""
    name = " ".join(sys.argv[1:]).strip()
    if not name:
        sys.exit('Name the migration: make migration NAME="add a column"')
    with tempfile.TemporaryDirectory() as folder, Engines(Path(folder), valkey=False) as engines:
        path, remaining = asyncio.run(_write(engines.urls.database_url, name))
    sys.stdout.write(f"{path.relative_to(_INI.parent)}\n")
    if remaining:
        sys.stderr.write(f"{remaining}\n")


if __name__ == "__main__":
    main()
