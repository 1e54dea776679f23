"""The API as several processes, on a busy machine, and on IPv6."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from app.cli.local import serve
from app.cli.local.parts import STARTUP_FAILURE, Part
from app.domain.errors import PartDiedError
from app.settings import load_settings
from tests.cli.test_commands import run
from tests.deadlines import wait_for
from tests.running import KEY, ROOT, Stack

BUSY = 30
_NICE = 10  # so that other tests get most of the machine; the API competes with these processes at 5


def list_apis(stack: Stack) -> list[psutil.Process]:
    """The API's processes, below the one that forks them."""
    assert stack.api
    return psutil.Process(stack.api.pid).children()


@pytest.fixture
def busy() -> Iterator[None]:
    """Thirty processes that compute."""
    loop = ("nice", f"-n{_NICE}", sys.executable, "-c", "while True: pass")
    processes = [subprocess.Popen(loop) for _ in range(BUSY)]
    yield
    for process in processes:
        process.kill()
        process.wait()


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("busy")
def test_four_processes_start_among_thirty_busy_ones(stack: Stack) -> None:
    stack.environment["API_WORKERS"] = "4"
    command = ["nice", "-n5", sys.executable, "main.py", "api"]
    stack.api = subprocess.Popen(command, cwd=ROOT, env=stack.environment)
    wait_for(stack._answers, "the API to answer", 240)
    wait_for(lambda: len(list_apis(stack)) == 4, "all processes")
    first = {process.pid for process in list_apis(stack)}
    pass_time(10)
    assert {process.pid for process in list_apis(stack)} == first
    assert stack._answers()


def pass_time(seconds: float) -> None:
    """Wait longer than a supervisor would wait for a process before it kills it."""
    ends = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > ends, f"{seconds} seconds", 2 * seconds)


def test_a_process_that_is_held_up_is_not_killed(stack: Stack) -> None:
    stack.environment["API_WORKERS"] = "2"
    stack.start_api()
    wait_for(lambda: len(list_apis(stack)) == 2, "both processes")
    held, _ = list_apis(stack)
    held.suspend()
    pass_time(7)  # uvicorn's supervisor kills a process that does not answer for five seconds
    held.resume()
    wait_for(stack._answers, "the API to answer")
    assert held.pid in {process.pid for process in list_apis(stack)}


def test_a_process_that_dies_is_started_again_while_the_other_serves(stack: Stack) -> None:
    stack.environment["API_WORKERS"] = "2"
    stack.start_api()
    wait_for(lambda: len(list_apis(stack)) == 2, "both processes")
    first, second = list_apis(stack)
    first.send_signal(signal.SIGKILL)
    wait_for(lambda: first.pid not in {process.pid for process in list_apis(stack)}, "its end")
    assert stack._answers()
    wait_for(lambda: len(list_apis(stack)) == 2, "the process to be started again")
    assert second.pid in {process.pid for process in list_apis(stack)}
    stack.stop(stack.api)
    assert not second.is_running()


def test_processes_that_cannot_start_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Part(f"api-{number}", lambda: sys.exit(STARTUP_FAILURE)) for number in (1, 2)]
    monkeypatch.setattr(serve, "api_parts", lambda *_: parts)
    with pytest.raises(PartDiedError, match="could not start"):
        serve._run_apis(load_settings(), [])


@pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_api_listens_on_ipv6(stack: Stack, workers: str) -> None:
    stack.environment |= {"HOST": "::1", "API_WORKERS": workers}
    stack.api = stack.start("api")
    url = f"http://[::1]:{stack.port}/api/v1/agents"
    headers = {"Authorization": f"Bearer {KEY}"}

    def answers() -> bool:
        try:
            return httpx.get(url, headers=headers, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    wait_for(answers, "the API to answer", 90)
    environment = {**stack.environment, "SLUICE_API_KEY": KEY}
    listed = subprocess.run(
        [sys.executable, "main.py", "agents", "list"], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert listed.returncode == 0, listed.stderr


def test_a_host_or_port_that_cannot_be_used_is_refused_with_a_line(stack: Stack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.port))
        taken.listen()
        stderr = run(stack, "api", code=1).stderr
        assert f"Port {stack.port} on 127.0.0.1 is unavailable" in stderr
        assert len(stderr.splitlines()) == 1
    for host in ("no-such-host.invalid", "203.0.113.1", "::2"):
        stack.environment["HOST"] = host
        stderr = run(stack, "api", code=1).stderr
        assert host in stderr
        assert len(stderr.splitlines()) == 1, stderr
