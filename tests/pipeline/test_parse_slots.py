"""As many documents are parsed at a time as the host has memory for, whichever processes parse them."""

import asyncio
import os
from pathlib import Path

import pytest

from app.domain.errors import RetryLaterError
from app.domain.media import TEXT
from app.pipeline.sandbox import parse_slots
from app.pipeline.sandbox.memory import read_available
from app.pipeline.sandbox.parse_slots import ParseSlots
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import wait_until

MEGABYTE = 1024 * 1024


def make_slots(folder: Path, megabytes: int | None) -> ParseSlots:
    """Slots for parses of 100 MB, with that much memory available."""
    return ParseSlots(100, folder, lambda: megabytes if megabytes is None else megabytes * MEGABYTE)


@pytest.mark.parametrize(("megabytes", "parses"), [(0, 1), (99, 1), (250, 2), (399, 3), (None, 5)])
async def test_available_memory_bounds_the_parses_of_all_processes_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int | None, parses: int
) -> None:
    monkeypatch.setattr(parse_slots, "_WAIT_SECONDS", 0.0)
    ended = asyncio.Event()
    held = 0

    async def parse() -> None:
        nonlocal held
        async with make_slots(tmp_path, megabytes).hold():  # one object for each process
            held += 1
            await ended.wait()

    running = [asyncio.create_task(parse()) for _ in range(5)]
    await wait_until(lambda: held + sum(task.done() for task in running) == 5, "all to have tried")
    assert held == parses
    ended.set()
    results = await asyncio.gather(*running, return_exceptions=True)
    assert [type(result) for result in results if result] == [RetryLaterError] * (5 - parses)


async def test_a_parse_waits_for_the_memory_of_another(tmp_path: Path) -> None:
    waited = asyncio.Event()

    async def parse() -> None:
        async with make_slots(tmp_path, 100).hold():
            waited.set()

    async with make_slots(tmp_path, 100).hold():
        waiting = asyncio.create_task(parse())
        await asyncio.sleep(0)
        assert not waited.is_set()
    await waiting
    assert waited.is_set()


async def test_a_forked_process_does_not_keep_a_slot(tmp_path: Path) -> None:
    async with make_slots(tmp_path, 100).hold():
        read, written = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(written)
            os.read(read, 1)
            os._exit(0)
        os.close(read)
    async with make_slots(tmp_path, 100).hold():
        os.close(written)
    await asyncio.to_thread(os.waitpid, pid, 0)


async def test_the_sandbox_starts_no_child_without_memory_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_slots, "_WAIT_SECONDS", 0.0)
    path = tmp_path / "a.txt"
    path.write_text("Some text.")
    sandbox = ParserSandbox(size=4, time_limit=60, memory_mb=512, max_pages=9, slots=make_slots(tmp_path / "s", 100))
    async with make_slots(tmp_path / "s", 100).hold():
        with pytest.raises(RetryLaterError, match="memory"):
            await sandbox.parse(path, TEXT)
    assert (await sandbox.parse(path, TEXT)).pages[0].text == "Some text."
    await sandbox.close()


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize(
    ("membership", "files", "megabytes"),
    [
        ("0::/\n", {}, 500),
        ("0::/\n", {"memory.max": "max", "memory.current": "1", "memory.stat": "inactive_file 0"}, 500),
        (
            "0::/a/b\n",
            {
                "a/memory.max": f"{300 * MEGABYTE}",
                "a/memory.current": f"{200 * MEGABYTE}",
                "a/memory.stat": f"anon 5\ninactive_file {50 * MEGABYTE}",
            },
            150,
        ),
        (
            "5:cpu:/x\n4:memory:/docker/1\n",
            {
                "memory/memory.limit_in_bytes": f"{300 * MEGABYTE}",
                "memory/memory.usage_in_bytes": f"{100 * MEGABYTE}",
                "memory/memory.stat": "total_inactive_file 0",
            },
            200,
        ),
        (
            "0::/\n",
            {"memory.max": "100", "memory.current": "200", "memory.stat": "inactive_file 0"},
            0,
        ),
    ],
    ids=["no group", "no limit", "a group above, version 2", "a container, version 1", "over the limit"],
)
def test_the_memory_of_a_container_counts_where_it_is_less_than_the_machines(
    tmp_path: Path, membership: str, files: dict[str, str], megabytes: int
) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    write(proc / "meminfo", f"MemTotal: 900000 kB\nMemAvailable:  {500 * 1024} kB\n")
    write(proc / "self" / "cgroup", membership)
    for name, content in files.items():
        write(groups / name, content)
    assert read_available(proc, groups) == megabytes * MEGABYTE


def test_a_system_that_does_not_show_its_memory_sets_no_bound(tmp_path: Path) -> None:
    assert read_available(tmp_path, tmp_path) is None
