"""``--help`` and ``--version`` import nothing that takes long."""

import json
import subprocess
import sys

import pytest

from app import __version__
from tests.running import ROOT

_PROGRAM = """
import json, sys
from app.cli import main
try:
    main()
except SystemExit as ended:
    print(json.dumps({"code": ended.code, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""
_IMPORT_ALL = """
import importlib, json, pkgutil, sys
import app.cli.remote
for module in pkgutil.iter_modules(app.cli.remote.__path__):
    importlib.import_module(f"app.cli.remote.{module.name}")
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
_SERVER = {"alembic", "asyncpg", "celery", "fastapi", "kombu", "numpy", "redis", "sqlalchemy", "structlog", "uvicorn"}
_CLIENT = {"asyncio", "httpx", "pydantic_settings"}


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        ("--help", _SERVER | _CLIENT),
        ("--version", _SERVER | _CLIENT | {"rich"}),
        *((f"{command} --help", _SERVER | _CLIENT) for command in ("tasks", "upload", "keys create", "up", "doctor")),
    ],
)
def test_help_imports_neither_servers_nor_clients(arguments: str, absent: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *shown, last = done.stdout.splitlines()
    ended = json.loads(last)
    assert ended["code"] == 0
    assert not absent & set(ended["modules"])
    assert shown


def test_commands_over_http_import_no_server() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not _SERVER & set(json.loads(done.stdout))


def test_the_version_is_printed() -> None:
    done = subprocess.run([ROOT / "sluice", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"Sluice {__version__}\n"


def test_each_command_of_the_list_has_a_help() -> None:
    from app.cli.program import _COMMANDS, _load  # noqa: PLC0415 - as the program imports it

    for name in _COMMANDS:
        assert _load(name).help, name
