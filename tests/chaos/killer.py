"""The killer: finds the victim of each planned kill and kills it."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil
from redis import Redis
from redis.exceptions import RedisError

from app.adapters.redis.url import redis_client_url
from app.domain.states import RUNNING
from tests.chaos.blockers import describe_blockers
from tests.chaos.installation import Installation
from tests.chaos.plan import Kill, Kind, Options
from tests.chaos.pulse import Pulse
from tests.deadlines import deadline, wait_for
from tests.running import CHILD_PROGRAMS

_SEARCH_SECONDS = 5.0
_TAKE_OVER_SECONDS = 15.0
_RUNNING = ", ".join(f"'{state}'" for state in RUNNING)
_MAINS = "SELECT pid FROM workers WHERE host = $1 AND lease_expires_at > now() ORDER BY name"
_POOL = f"""
    SELECT t.pid FROM tasks AS t JOIN workers AS w ON w.id = t.worker_id
    WHERE t.state IN ({_RUNNING}) AND t.pid <> w.pid AND w.lease_expires_at > now() ORDER BY t.id
"""
_HELD = f"""
    SELECT t.id FROM tasks AS t JOIN workers AS w ON w.id = t.worker_id
    WHERE t.state IN ({_RUNNING}) AND w.host = $1 AND w.lease_expires_at > now()
"""
# What a frozen host still holds: first its leases, then its running tasks.
_KEPT = f"""
    SELECT 'lease of ' || name AS what FROM workers WHERE host = $1 AND lease_expires_at > now()
    UNION ALL
    SELECT 'task ' || t.id FROM tasks AS t JOIN workers AS w ON w.id = t.worker_id
    WHERE t.state IN ({_RUNNING}) AND w.host = $1
"""
# Sessions of the installation, busy ones first.
_BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND usename <> 'sluice'
    ORDER BY state = 'idle', query_start DESC LIMIT 4
"""

Result = TypeVar("Result")


class Killer:
    """Carries out a plan.

    ``kills`` counts the kills by kind; ``missed`` names the kinds that found no victim; ``frozen`` counts the
    tasks that hosts ran when they were frozen; ``kept`` names what the other hosts could not take over from them.
    """

    def __init__(self, installation: Installation, pulse: Pulse, options: Options) -> None:
        self.kills = Counter[Kind]()
        self.missed: list[Kind] = []
        self.frozen = 0
        self.kept: list[str] = []
        self.last = ""
        self._at = installation
        self._pulse = pulse
        self._options = options
        self._strikes: dict[Kind, Callable[[Kill], bool]] = {
            Kind.POOL: self._kill_pool_process,
            Kind.MAIN: self._kill_main,
            Kind.SUPERVISOR: self._kill_supervisor,
            Kind.HOST: lambda kill: self._at.services[kill.host].kill() > 0,
            Kind.FREEZE: self._freeze,
            Kind.API: lambda _: self._at.services["api"].kill() > 0,
            Kind.BROKER: lambda _: self._kill_engine("valkey"),
            Kind.BROKER_WIPED: lambda _: self._kill_engine("valkey", wipe=self._at.broker_folder),
            Kind.BROKER_FLUSHED: self._flush_broker,
            Kind.POSTGRES: lambda _: self._kill_engine("postgres"),
            Kind.BACKEND: self._kill_backend,
        }

    def run(self, plan: Sequence[Kill]) -> None:
        """Kill whenever a kill is due; returns when all are done, or when the run is over."""
        for kill in plan:
            self._pulse.next_kill = kill.at * self._options.tasks
            if not self._pulse.wait(lambda: self._pulse.done >= self._pulse.next_kill):
                return
            self.last = kill.kind
            if self._strike(kill):
                self.kills[kill.kind] += 1
            else:
                self.missed.append(kill.kind)
        self._pulse.next_kill = self._options.tasks

    def _strike(self, kill: Kill) -> bool:
        """Search for a victim until there is one; False when the work ended first.

        A process at work is a victim of some kinds. So new work is let in while none is found.
        """
        while not self._strikes[kill.kind](kill):
            if self._pulse.is_over.is_set() or self._pulse.done >= self._options.tasks:
                return False
            self._pulse.next_kill = max(self._pulse.next_kill, self._pulse.done + 1.0)
        return True

    def _kill_pool_process(self, kill: Kill) -> bool:
        return self._kill_one(kill, lambda: self._list_pids(_POOL))

    def _kill_main(self, kill: Kill) -> bool:
        return self._kill_one(kill, lambda: self._list_pids(_MAINS, kill.host))

    def _kill_supervisor(self, kill: Kill) -> bool:
        mains = "SELECT pid FROM workers WHERE host = $1 AND lease_expires_at > now()"
        return self._kill_one(
            kill, lambda: [pid for main in self._list_pids(mains, kill.host) for pid in _list_supervisors(main)]
        )

    def _kill_backend(self, kill: Kill) -> bool:
        return self._kill_one(kill, lambda: self._list_pids(_BACKENDS))

    def _kill_one(self, kill: Kill, find: Callable[[], Sequence[int]]) -> bool:
        """SIGKILL one of the processes found; one that has just ended by itself does not count."""

        def strike() -> bool:
            if not (found := find()):
                return False
            try:
                os.kill(found[int(kill.pick * len(found))], signal.SIGKILL)
            except ProcessLookupError:
                return False
            return True

        return bool(_search(strike))

    def _list_pids(self, query: str, *arguments: str) -> list[int]:
        return [row["pid"] for row in self._at.ledger.look(query, *arguments) or []]

    def _kill_engine(self, name: str, *, wipe: Path | None = None) -> bool:
        """SIGKILL a server, and remove its files before it is started again."""

        def strike() -> bool:
            with self._at.holding_engines() as engines:
                if name in engines.poll():
                    return False
                os.kill(engines.pids[name], signal.SIGKILL)
                if wipe:
                    wait_for(lambda: name in engines.poll(), f"{name} to be gone")
                    shutil.rmtree(wipe)
            return True

        return bool(_search(strike))

    def _flush_broker(self, _: Kill) -> bool:
        def flush() -> bool:
            try:
                with Redis.from_url(redis_client_url(self._at.redis_url)) as redis:
                    return bool(redis.flushall())
            except RedisError:  # it is down, or loads its files
                return False

        return bool(_search(flush))

    def _freeze(self, kill: Kill) -> bool:
        """Stop a busy host until the others have taken over its work, then let it continue too late."""
        host = self._at.services[kill.host]
        if not _search(lambda: self._at.ledger.look(_HELD, kill.host)):
            return False
        host.freeze()
        try:
            self.frozen += len(self._at.ledger.look(_HELD, kill.host) or [])
            self._watch_take_over(kill.host)
        finally:
            host.thaw()
        return True

    def _watch_take_over(self, host: str) -> None:
        """Wait until the host holds nothing and work continues without it, within a time limit."""
        seconds = deadline(2 * self._options.lease + _TAKE_OVER_SECONDS)
        kept = [] if _search(lambda: self._at.ledger.look(_KEPT, host) == [], seconds) else self._list_kept(host)
        done = self._pulse.done
        if not _search(lambda: self._pulse.done > done or self._pulse.unfinished <= len(kept), seconds):
            kept.append(f"nothing was finished while {host} was frozen")
        if kept:
            self.kept += [*kept, *describe_blockers(self._at.ledger)]

    def _list_kept(self, host: str) -> list[str]:
        return [f"{host} kept the {row['what']}" for row in self._at.ledger.look(_KEPT, host) or []]


def _list_supervisors(main: int) -> list[int]:
    """The children of a worker's main process that lead a session of their own and are supervisors."""
    try:
        children = psutil.Process(main).children()
        return [
            child.pid
            for child in children
            if os.getsid(child.pid) == child.pid and CHILD_PROGRAMS.isdisjoint(child.cmdline())
        ]
    except (psutil.Error, ProcessLookupError):
        return []


def _search(condition: Callable[[], Result], seconds: float = _SEARCH_SECONDS) -> Result:
    """Poll until ``condition`` returns something true; the last result once the time is up."""
    end = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return result
