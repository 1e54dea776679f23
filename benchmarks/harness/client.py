"""A load client with low overhead: plain sockets, sequential requests on each, one thread for each connection.

It runs in a separate process (``python -m benchmarks.harness.client``) and so shares no interpreter with the server.
"""

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex

from benchmarks.harness.stack import KEY, ROOT
from benchmarks.report.figures import percentile

_RUN = token_hex(8).encode()
"""In every text of this process, so that none is a duplicate of one of an earlier process."""
_WORDS = b"the quiet canal boat passed Alder Gate before seven and the keeper wrote the draught in her book. "


@dataclass(slots=True)
class Load:
    """Results of uploads: the latency of each in milliseconds, and the total seconds. Rounds are added up."""

    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Uploads a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """A percentile of the latencies, in milliseconds."""
        return percentile(self.latencies, share)

    def apply(self, port: int, path: str, *, clients: int, requests: int, size: int = 100 * 1024) -> None:
        """Upload ``requests`` different texts of ``size`` bytes over ``clients`` connections; each must get a 202."""
        numbers = [f"--port={port}", f"--clients={clients}", f"--requests={requests}", f"--size={size}"]
        command = [sys.executable, "-m", "benchmarks.harness.client", f"--path={path}", *numbers]
        done = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        self.latencies += done["latencies"]
        self.seconds += done["seconds"]


def _make_request(port: int, path: str, number: int, size: int) -> bytes:
    text = (b"Document %d of %s. " % (number, _RUN) + _WORDS * (size // len(_WORDS) + 1))[:size]
    head = f'--cut\r\nContent-Disposition: form-data; name="file"; filename="note-{number}.txt"\r\n'
    body = head.encode() + b"Content-Type: text/plain\r\n\r\n" + text + b"\r\n--cut--\r\n"
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {KEY}",
        "Content-Type: multipart/form-data; boundary=cut",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _read_answer(connection: socket.socket) -> bytes:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _upload(port: int, make: Callable[[int], bytes], numbers: Iterator[int], requests: int) -> list[float]:
    """Run one client; returns its latencies in seconds."""
    latencies = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (number := next(numbers)) < requests:
            request = make(number)
            began = time.perf_counter()
            connection.sendall(request)
            answer = _read_answer(connection)
            latencies.append(time.perf_counter() - began)
            if not answer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(answer.decode(errors="replace"))
    return latencies


def main() -> None:
    parser = argparse.ArgumentParser(description="Upload text documents as fast as the server accepts them.")
    for name in ("port", "clients", "requests", "size"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--path", required=True)
    options = parser.parse_args()
    numbers, latencies = count(), list[float]()

    def run() -> None:
        latencies.extend(
            _upload(
                options.port,
                lambda number: _make_request(options.port, options.path, number, options.size),
                numbers,
                options.requests,
            )
        )

    threads = [threading.Thread(target=run) for _ in range(options.clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if len(latencies) != options.requests:
        raise SystemExit("some requests failed")
    print(json.dumps({"latencies": [1000 * latency for latency in latencies], "seconds": seconds}))


if __name__ == "__main__":
    main()
