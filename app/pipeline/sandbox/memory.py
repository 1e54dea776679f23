"""How much memory is available to this process: that of the machine, or less in a container with a limit."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_KILOBYTE = 1024
_UNLIMITED, _LARGEST = "max", 2**62
"""No limit of a control group: a word in version 2, in version 1 the largest number of pages in bytes."""


def read_available(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """The bytes that can still be used before the kernel kills processes; None where the system does not show them.

    Args:
        proc: Where the kernel shows ``meminfo`` and the control group of this process.
        groups: Where it shows the limits of control groups, of either version.
    """
    try:
        found = [_read_machine(proc / "meminfo")]
    except (FileNotFoundError, KeyError):
        return None
    for folder in _list_groups(proc / "self" / "cgroup", groups):
        available = _read_group(folder, "memory.max", "memory.current", "inactive_file")
        if available is None:
            available = _read_group(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if available is not None:
            found.append(available)
    return max(0, min(found))


def _read_machine(meminfo: Path) -> int:
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * _KILOBYTE


def _list_groups(membership: Path, groups: Path) -> Iterator[Path]:
    """The folders of the control groups that limit this process, with those above them. Some may not exist."""
    try:
        lines = membership.read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "memory"}:
            place = PurePosixPath(path.lstrip("/"))
            for part in (place, *place.parents):
                yield groups / controllers / part


def _read_group(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    """The memory that a control group leaves, with the pages that the kernel can drop; None without a limit."""
    try:
        allowed = (folder / limit).read_text().strip()
        if allowed == _UNLIMITED or int(allowed) >= _LARGEST:
            return None  # before the statistics, which take the kernel longest to write
        used = int((folder / usage).read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(allowed) - used + int(statistics.get(reclaimable, 0))
