"""Brings the database to this version's schema, and compares the schema with the code."""

import asyncio
import sys
import tempfile
from pathlib import Path

from app.bootstrap import find_schema_differences, prepare_database
from app.cli.output import say
from app.embedded import Engines
from app.embedded.running import open_servers
from app.settings import load_settings


def migrate_database() -> None:
    """Migrate the database of the settings, or the embedded one."""
    with open_servers(load_settings()) as servers:
        asyncio.run(prepare_database(servers.settings))
    say("The schema is up to date.")


def check_migrations() -> None:
    """Compare the schema of the migrations with the tables that the code declares; exit with 1 if they differ.

    It does not use the database that the settings name: that one may be at the revision of another branch.
    """
    with tempfile.TemporaryDirectory() as folder, Engines(Path(folder), valkey=False) as engines:
        scratch = load_settings().model_copy(update={"database_url": engines.urls.database_url})
        asyncio.run(prepare_database(scratch))
        differences = asyncio.run(find_schema_differences(scratch))
    for difference in differences:
        say(difference)
    if differences:
        sys.exit(1)
    say("The migrations and the declared tables agree.")
