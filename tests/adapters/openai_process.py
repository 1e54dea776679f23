"""The server of ``openai_server`` in its own process, controlled over HTTP.

``python -m tests.adapters.openai_process '{"requests_per_minute": 60}'`` prints its base URL and serves until its
standard input ends.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import httpx

from tests.adapters.openai_protocol import Reply
from tests.adapters.openai_server import Asked, Ledger, OpenAIServer, Terms

_START_SECONDS = 30


class OpenAIProcess:
    """A server in another process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def adjust(self, **terms: Any) -> None:
        """Change some of the terms, as ``OpenAIServer.adjust``."""
        self._post("terms", terms)

    def read(self) -> Ledger:
        """The requests so far, and the texts that were charged for."""
        record = self._post("ledger", {})
        ledger = Ledger()
        ledger.requests = [Asked(**{**asked, "texts": tuple(asked["texts"])}) for asked in record["requests"]]
        ledger.paid = Counter(record["paid"])
        return ledger

    def _post(self, name: str, body: dict[str, Any]) -> Any:
        with httpx.Client(trust_env=False, timeout=_START_SECONDS) as client:
            answer = client.post(self.url.removesuffix("/v1") + f"/control/{name}", json=body)
            return answer.raise_for_status().json()


@contextmanager
def run_openai_process(**terms: Any) -> Iterator[OpenAIProcess]:
    """Run a server in its own process for a block, with these ``Terms``."""
    command = [sys.executable, "-m", "tests.adapters.openai_process", json.dumps(terms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield OpenAIProcess(process.stdout.readline().strip())
        finally:
            process.stdin.close()
            process.wait(timeout=_START_SECONDS)


class _Controlled(OpenAIServer):
    def reply(self, path: str, key: str | None, body: bytes) -> Reply | None:
        if path == "/control/terms":
            self.adjust(**json.loads(body))
            return Reply(200, {})
        if path == "/control/ledger":
            with self._lock:
                return Reply(200, {"requests": [asdict(asked) for asked in self.requests], "paid": dict(self.paid)})
        return super().reply(path, key, body)


def main() -> None:
    """Serve with the terms of the command line."""
    server = _Controlled(Terms(**json.loads(sys.argv[1])) if sys.argv[1:] else None)
    print(server.url, flush=True)  # noqa: T201 - the parent waits for this line
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
