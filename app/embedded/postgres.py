"""The embedded Postgres, with pgvector."""

import os
import pwd
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path
from signal import Signals
from typing import ClassVar

import psutil

from app.domain.errors import StartupError
from app.embedded.binaries import copy_postgres, find_postgres, is_open_to_all
from app.embedded.engine import Engine
from app.embedded.process import ChildStarter, SystemUser

_LINUX = sys.platform == "linux"
_INIT_SECONDS = 120.0
_UNPRIVILEGED_UID = 65534  # of the account without rights that every Linux has

# For a machine that also runs the API and the workers. The settings for durability are Postgres's defaults.
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "512MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
_INITDB = (
    *("--username=sluice", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"),
    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
)


class Postgres(Engine):
    """Postgres on a unix socket. The superuser and the database are both named ``sluice``."""

    name: ClassVar[str] = "postgres"
    variable: ClassVar[str] = "DATABASE_URL"
    # Fast shutdown, then immediate shutdown, from which the next start recovers.
    stop_signals: ClassVar[tuple[tuple[Signals, float], ...]] = (
        (Signals.SIGINT, 30.0),
        (Signals.SIGQUIT, 5.0),
        (Signals.SIGKILL, 5.0),
    )

    def __init__(self, data_dir: Path, run_dir: Path, starter: ChildStarter) -> None:
        super().__init__(data_dir, run_dir, starter)
        self.system_user = _choose_system_user(self.folder)
        self._root = self._find_root()

    @property
    def url(self) -> str:
        """The address, in the form that asyncpg and (with its driver added) SQLAlchemy both accept.

        It names the port, which is part of the socket's name, so that a PGPORT of the environment has no effect.
        """
        return f"postgresql://sluice@/sluice?host={self.socket_dir}&port=5432"

    def prepare(self, lock: int) -> None:
        """Make the cluster if there is none. An unfinished cluster has another name and is made again."""
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(self.folder.with_suffix(".new"), lock)
        # The lock shows that no server runs. The process id in this file may belong to an unrelated process by now.
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> list[str]:
        """The server, with a cluster name, which its children show in their process titles."""
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self.socket_dir),
            "cluster_name": self._cluster_name(),
        }
        options = (part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        return [self._program("postgres"), "-D", self._path_of(self.folder), *options]

    def answers(self) -> bool:
        """Log in. A server that is still recovering refuses."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self.socket_dir / ".s.PGSQL.5432"))
            parameters = b"user\0sluice\0database\0sluice\0\0"
            client.sendall(struct.pack("!ii", len(parameters) + 8, 3 << 16) + parameters)
            with client.makefile("rb") as replies:
                while head := replies.read(5):
                    kind, length = struct.unpack("!ci", head)
                    if kind in b"EZ":  # an error, or ready for a query
                        return bool(kind == b"Z")
                    replies.read(length - 4)
            return False

    def end_orphans(self) -> None:
        """End busy children of a killed server, which have not noticed its death yet.

        Process title and system user identify them. While the server itself still shuts down, this does nothing.
        """
        if not self.folder.exists():
            return  # what still runs was setting up the cluster, and ends with its parent
        mark = self._cluster_name()
        children = []
        for process in psutil.process_iter(["cmdline", "uids"]):
            line, uids = process.info["cmdline"] or [], process.info["uids"]
            if uids is None or uids.real != (self.system_user.uid if self.system_user else os.getuid()):
                continue
            if f"cluster_name={mark}" in line:
                return
            if line and line[0].startswith(f"postgres: {mark}: "):
                children.append(process)
        for child in children:
            _quit(child)

    def _initialise(self, new: Path, lock: int) -> None:
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if self.system_user:
            os.chown(new, *self.system_user)
        where = self._path_of(new)
        initdb = [self._program("initdb"), "-D", where]
        self._run([*initdb, *_INITDB], new, lock)
        single = [self._program("postgres"), "--single", "-D", where, "-c", "fsync=off", "postgres"]
        self._run(single, new, lock, b"CREATE DATABASE sluice STRATEGY file_copy")
        # One sync for all files is faster than a sync of each.
        self._run([*initdb, "--sync-only", *(["--sync-method=syncfs"] if _LINUX else [])], new, lock)
        new.rename(self.folder)
        _sync_folder(self.folder.parent)

    def _run(self, command: list[str], folder: Path, lock: int, statement: bytes = b"") -> None:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(statement + b"\n")
            stdin.seek(0)
            child = self.spawn(command, folder, lock, stdin.fileno())
        if not child.wait(_INIT_SECONDS):
            child.send(Signals.SIGKILL)
            child.wait(5)
        if child.poll() != 0:
            raise self.failure("could not be set up")

    def _path_of(self, folder: Path) -> str:
        # The other user may be unable to reach the folder by its path. This link works without the path.
        return "/proc/self/cwd" if self.system_user else str(folder)

    def _cluster_name(self) -> str:
        where = self.folder.stat()
        return f"sluice-{where.st_dev:x}-{where.st_ino:x}"

    def _program(self, name: str) -> str:
        return str(self._root / "bin" / name)

    def _find_root(self) -> Path:
        root = find_postgres()
        if self.system_user is None or is_open_to_all(root / "bin"):
            return root
        return copy_postgres(root, self.run_dir / "programs")


def _choose_system_user(folder: Path) -> SystemUser | None:
    # Postgres refuses to run as root. It runs as the owner of its files; new files belong to an unprivileged user.
    if os.geteuid() != 0:
        return None
    if not _LINUX:
        raise StartupError(
            "The embedded Postgres does not run as root on this system; use another user, or set DATABASE_URL."
        )
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return SystemUser(owner.st_uid, owner.st_gid)
    try:
        user = pwd.getpwuid(_UNPRIVILEGED_UID)
    except KeyError as error:
        raise StartupError(
            f"The embedded Postgres needs a system user with id {_UNPRIVILEGED_UID}. Create one, or set DATABASE_URL."
        ) from error
    return SystemUser(user.pw_uid, user.pw_gid)


def _quit(process: psutil.Process) -> None:
    try:
        process.send_signal(Signals.SIGQUIT)
    except psutil.NoSuchProcess:
        return  # it has ended by itself


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
