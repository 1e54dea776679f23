"""The embedded Valkey: Celery's broker and result backend."""

import socket
from pathlib import Path
from signal import Signals
from typing import ClassVar

from app.embedded.binaries import find_valkey
from app.embedded.engine import Engine
from app.embedded.process import ChildStarter

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "aof-load-truncated": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "always-show-logo": "no",
}


class Valkey(Engine):
    """Valkey on a unix socket, with an append-only file that is synced every second."""

    name: ClassVar[str] = "valkey"
    variable: ClassVar[str] = "REDIS_URL"
    stop_signals: ClassVar[tuple[tuple[Signals, float], ...]] = ((Signals.SIGTERM, 20.0), (Signals.SIGKILL, 5.0))

    def __init__(self, data_dir: Path, run_dir: Path, starter: ChildStarter) -> None:
        super().__init__(data_dir, run_dir, starter)
        self._socket = self.socket_dir / "valkey.sock"

    @property
    def url(self) -> str:
        """The address in kombu's form; ``app.adapters.redis.url`` translates it for redis-py."""
        return f"redis+socket://{self._socket}?virtual_host=0"

    def prepare(self, lock: int) -> None:  # noqa: ARG002 - no program has to run first
        """Make the folder if it is missing."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str]:
        """The server. Its files are in the working directory, so no path needs quoting."""
        options = {**_OPTIONS, "unixsocket": str(self._socket)}
        return [str(find_valkey()), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        """Send PING. While the server loads its file, the answer is an error."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self._socket))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
