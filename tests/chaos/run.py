"""A run: work and kills at the same time, then a wait until all is final, then the audit."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from app.domain.states import State
from tests.chaos.answers import check_answers
from tests.chaos.audit import Fault, Finding, audit
from tests.chaos.clients import Book, Client, spread
from tests.chaos.evidence import Evidence, gather
from tests.chaos.installation import Installation
from tests.chaos.killer import Killer
from tests.chaos.messages import check_messages
from tests.chaos.plan import Options, draw, plan_kills
from tests.chaos.pulse import Pulse
from tests.chaos.report import Report
from tests.webhooks.receiver import Receiver, receive

_CLIENTS = 4
_AGENTS = 3
_SAY_SECONDS = 5.0
_WHOLE_SECONDS = 60.0

Say = Callable[[str], object]


def run(options: Options, say: Say) -> Report:
    """Run everything; ``say`` receives a line of progress every few seconds.

    Raises:
        StartupError: the installation did not start.
        AssertionError: a killed process did not end.
    """
    with _open_folder(options) as folder, receive() as receiver, Installation(folder, options) as installation:
        began = time.monotonic()
        book = Book()
        with Pulse(installation.ledger, options, began + 60 * options.minutes) as pulse:
            killer = Killer(installation, pulse, options)
            with _telling(say, pulse, killer, book, options):
                secret = _subscribe(installation, receiver)
                _work(installation, pulse, killer, book, options)
                calm = _wait_for_calm(pulse, installation)
        seconds = time.monotonic() - began
        evidence = gather(installation.ledger, installation.data_dir / "blobs")
        findings = [
            *calm,
            *audit(evidence, book),
            *check_messages(evidence, receiver.messages, secret),
            *_check_parts(installation, killer),
        ]
        if not calm:
            with installation.open_client() as http:
                findings += check_answers(http, evidence, draw(options, "searches"))
    findings += [Finding(Fault.WRONG, "process", f"left behind: {line}") for line in installation.left_behind]
    return _make_report(options, book, killer, pulse, evidence, seconds, findings)


@contextmanager
def _open_folder(options: Options) -> Iterator[Path]:
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        yield options.folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="sluice-chaos-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _subscribe(installation: Installation, receiver: Receiver) -> str:
    """Register a webhook for the ends of tasks, before there are any; returns its secret."""
    with installation.open_client() as http:
        answer = http.post("/webhooks", json={"url": receiver.url("/events"), "events": ["task.*"]})
    answer.raise_for_status()
    return str(answer.json()["secret"])


def _work(installation: Installation, pulse: Pulse, killer: Killer, book: Book, options: Options) -> None:
    """Let clients upload and the killer kill until both are done."""
    with ExitStack() as stack:
        https = [stack.enter_context(installation.open_client()) for _ in range(_CLIENTS)]
        agents = [_make_agent(https[0], number) for number in range(_AGENTS)]
        pool = stack.enter_context(ThreadPoolExecutor(_CLIENTS + 1))
        stack.callback(pulse.is_over.set)
        futures = list[Future[None]]()
        for number, (http, numbers) in enumerate(zip(https, spread(options.tasks, _CLIENTS), strict=True)):
            client = Client(http, pulse, book, agents, draw(options, f"client {number}"))
            futures.append(pool.submit(_upload, client, numbers, pulse))
        killer.run(plan_kills(options))
        for future in futures:
            future.result()


def _upload(client: Client, numbers: range, pulse: Pulse) -> None:
    """Run a client; if it fails, end the run."""
    try:
        client.run(numbers)
    except BaseException:
        pulse.is_over.set()
        raise


def _make_agent(http: httpx.Client, number: int) -> int:
    answer = http.post("/agents", json={"name": f"Agent {number}"})
    answer.raise_for_status()
    return int(answer.json()["id"])


def _wait_for_calm(pulse: Pulse, installation: Installation) -> list[Finding]:
    """Wait until every task is final and every part runs; returns a finding for each that is not."""
    if pulse.settle() and installation.is_whole(_WHOLE_SECONDS):
        return []
    parts = installation.describe_parts()
    return [Finding(Fault.STUCK, "installation", f"{pulse.tasks} tasks, {pulse.done} done, and these parts: {parts}")]


def _check_parts(installation: Installation, killer: Killer) -> Iterator[Finding]:
    for line in killer.kept:
        yield Finding(Fault.STUCK, "frozen host", line)
    for line in installation.troubles:
        yield Finding(Fault.WRONG, "service manager", line)


@contextmanager
def _telling(say: Say, pulse: Pulse, killer: Killer, book: Book, options: Options) -> Iterator[None]:
    began, ended = time.monotonic(), threading.Event()

    def tell() -> None:
        while not ended.wait(_SAY_SECONDS):
            say(
                f"{time.monotonic() - began:5.0f} s  accepted {len(book.promises)} of {options.tasks}, "
                f"done {pulse.done}, kills {killer.kills.total()} of {options.kills}, last: {killer.last}"
            )

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _make_report(
    options: Options,
    book: Book,
    killer: Killer,
    pulse: Pulse,
    evidence: Evidence,
    seconds: float,
    findings: list[Finding],
) -> Report:
    tasks = evidence.tasks.values()
    return Report(
        options=options,
        tasks=len(evidence.tasks),
        accepted=len(book.promises),
        cancelled=sum(task.state is State.REVOKED for task in tasks),
        doubtful=len(book.doubtful),
        kills=killer.kills,
        missed=killer.missed,
        frozen=killer.frozen,
        crashes=sum(task.crashes for task in tasks),
        orphans=evidence.orphans,
        longest_pause=pulse.longest_pause,
        seconds=seconds,
        findings=findings,
    )
