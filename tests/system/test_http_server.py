"""The HTTP server as a program: limits of connections, started by the command line and by uvicorn."""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import psutil
import pytest

from tests.deadlines import deadline, wait_for
from tests.running import ROOT, Stack

SOFT = 256
UVICORN = ("-m", "uvicorn", "main:app", "--http", "app.api.server.protocol:LimitedProtocol", "--port")


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """Programs start with a low soft limit of descriptors; returns the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def start(stack: Stack, starter: str) -> int:
    """Start the API with small limits; returns its process id."""
    stack.environment |= {
        "HTTP_HEADER_TIME_LIMIT": "1",
        "HTTP_CONNECTIONS_PER_CLIENT": "20",
        "FORWARDED_ALLOW_IPS": "10.0.0.1",
    }
    if starter == "sluice":
        stack.start_api()
    else:
        command = [sys.executable, *UVICORN, str(stack.port)]
        stack.api = subprocess.Popen(command, cwd=ROOT, env=stack.environment)
        wait_for(stack._answers, "the API to answer", 90)
    assert stack.api
    return stack.api.pid


@pytest.mark.parametrize("starter", ["sluice", "uvicorn"])
def test_half_open_connections_are_closed_and_others_served_meanwhile(
    stack: Stack, few_descriptors: int, starter: str
) -> None:
    pid = start(stack, starter)
    stack.client.close()
    assert psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)[0] == min(few_descriptors, 65_536)
    with ExitStack() as opened:
        clients = [opened.enter_context(socket.create_connection(("127.0.0.1", stack.port))) for _ in range(40)]
        for client in clients:
            client.settimeout(deadline(30))
            client.sendall(b"GET / HTTP/1.1\r\n")
        answers = [client.recv(12) for client in clients]
        assert answers.count(b"HTTP/1.1 429") == 20
        assert answers.count(b"HTTP/1.1 408") == 20
    assert httpx.get(f"http://127.0.0.1:{stack.port}/livez", trust_env=False).status_code == 200
