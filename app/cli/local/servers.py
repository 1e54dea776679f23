"""The servers of this machine's installation: their addresses and their own command lines."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from app.cli.local.session import require_installation
from app.cli.output import CommandError, print_fields, print_json
from app.cli.running import make_url, read_running
from app.embedded.binaries import find_postgres
from app.embedded.running import resolve_settings
from app.settings import Settings, load_settings

_HIDDEN = "***"
_REDIS_CLIENTS = ("valkey-cli", "redis-cli")


def print_urls(*, passwords: bool, as_json: bool) -> None:
    """Print the addresses of the API, the database, Redis and the broker, with or without the passwords in them."""
    settings = _find_servers()
    running = read_running(settings.data_dir)
    addresses = {
        "api": running.url if running else make_url(settings.host, settings.port),
        "database": settings.database_url,
        "redis": settings.redis_url,
        "broker": settings.celery_broker_url or settings.redis_url,
    }
    shown = {name: url if passwords or not url else hide_password(url) for name, url in addresses.items()}
    if as_json:
        print_json(shown)
    else:
        print_fields({name: url or "not running" for name, url in shown.items()})


def open_psql(further: Sequence[str]) -> None:
    """Replace this process by psql on the database.

    Raises:
        CommandError: no database runs, or psql is not installed.
    """
    url = _find_servers().database_url
    if url is None:
        raise CommandError("No embedded Postgres runs. Start it with `make up`, or set DATABASE_URL.")
    name = shutil.which("psql") or _find_own_psql()
    if name is None:
        raise CommandError(f"psql is not installed. Install Postgres's client, then: psql '{hide_password(url)}'")
    parts = urlsplit(url.replace("postgresql+asyncpg://", "postgresql://", 1))
    if parts.password:
        os.environ["PGPASSWORD"] = unquote(parts.password)  # arguments are visible to other users of the machine
    _run([name, urlunsplit(parts._replace(netloc=_without_password(parts.netloc))), *further])


def open_redis(further: Sequence[str]) -> None:
    """Replace this process by the command line of Redis or Valkey.

    Raises:
        CommandError: no server runs, or none of the programs is installed.
    """
    url = _find_servers().redis_url
    if url is None:
        raise CommandError("No embedded Valkey runs. Start it with `make up`, or set REDIS_URL.")
    arguments, password = _make_redis_arguments(url)
    name = next(filter(None, map(shutil.which, _REDIS_CLIENTS)), None)
    if name is None:
        clients = " nor ".join(_REDIS_CLIENTS)
        raise CommandError(f"Neither {clients} is installed. Install one, then: redis-cli {' '.join(arguments)}")
    if password:
        os.environ["REDISCLI_AUTH"] = password
    _run([name, *arguments, *further])


def hide_password(url: str) -> str:
    """Replace the password in each address of a URL, which may be a list separated by semicolons."""
    shown = []
    for one in url.split(";"):
        parts = urlsplit(one)
        hidden = parts.netloc.replace(f":{parts.password}@", f":{_HIDDEN}@") if parts.password else parts.netloc
        query = "&".join(
            f"{name}={_HIDDEN}" if "password" in name.lower() else pair
            for pair in parts.query.split("&")
            for name in [pair.partition("=")[0]]
        )
        # Not with urlunsplit, which drops an empty host: postgresql:///sluice?host=…
        head, mark, _ = one.partition("?")
        shown.append(head.replace(parts.netloc, hidden, 1) + mark + query if parts.netloc else head + mark + query)
    return ";".join(shown)


def _find_servers() -> Settings:
    settings = load_settings()
    require_installation(settings)
    return resolve_settings(settings)


def _find_own_psql() -> str | None:
    """Find the psql that comes with the embedded Postgres."""
    path = Path(find_postgres()) / "bin" / "psql"
    return str(path) if path.is_file() else None


def _without_password(netloc: str) -> str:
    user, at, host = netloc.rpartition("@")
    return f"{user.partition(':')[0]}{at}{host}"


def _make_redis_arguments(url: str) -> tuple[list[str], str | None]:
    """The arguments of redis-cli for an address, and the password, which is passed in the environment."""
    parts = urlsplit(url)
    password = unquote(parts.password) if parts.password else None
    query = parse_qs(parts.query)
    user = ["--user", unquote(parts.username)] if parts.username else []
    if parts.scheme in {"redis+socket", "unix"}:
        number = (query.get("virtual_host") or query.get("db") or ["0"])[0]
        return ["-s", parts.path, "-n", number, *user], password
    tls = ["--tls"] if parts.scheme == "rediss" else []
    host, port = parts.hostname or "127.0.0.1", str(parts.port or 6379)
    return ["-h", host, "-p", port, "-n", parts.path.strip("/") or "0", *tls, *user], password


def _run(command: Sequence[str]) -> None:
    """Replace this process by a program, so that signals and the exit code are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp(command[0], list(command))  # noqa: S606 - the arguments are the operator's
