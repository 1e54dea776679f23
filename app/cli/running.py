"""``DATA_DIR/cli.json``: the address of the running ``up`` and an API key for commands on the same machine."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_FILE = "cli.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A running ``up``."""

    url: str
    key_id: int
    key: str


def make_url(host: str, port: int) -> str:
    """The address at which this machine reaches a server that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read_running(data_dir: Path) -> Running | None:
    """The ``up`` that runs on this data folder; None if there is none."""
    try:
        with (data_dir / _FILE).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _parse(file.read())
    except OSError:
        pass  # there is no file, or it is another user's
    return None


def read_former(data_dir: Path) -> Running | None:
    """What an ``up`` on this data folder wrote that was killed before it could remove it."""
    try:
        return _parse((data_dir / _FILE).read_text())
    except FileNotFoundError:
        return None


@contextmanager
def publish(data_dir: Path, running: Running) -> Iterator[None]:
    """Write the file for the block. A lock on it shows that its writer runs, however that process ends."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / _FILE
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate()
        json.dump(asdict(running), file)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _parse(text: str) -> Running | None:
    try:
        return Running(**json.loads(text))
    except (TypeError, ValueError):
        return None  # not yet complete, or of another version
