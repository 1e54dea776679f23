"""A Sentry for tests, on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx


class SentryServer:
    """Accepts envelopes as Sentry does; ``events`` holds the received events, ``received`` all that was sent."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.received = b""
        outer, events = self, self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                # The client compresses with Brotli if that is installed; httpx then decompresses it.
                headers = {"Content-Encoding": self.headers.get("Content-Encoding", "identity")}
                lines = httpx.Response(200, headers=headers, content=body).content.splitlines()
                outer.received += b"\n".join(lines)
                events.extend(
                    json.loads(payload)
                    for header, payload in zip(lines[1::2], lines[2::2], strict=False)
                    if json.loads(header)["type"] == "event"
                )
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                """Write no access log."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def dsn(self) -> str:
        """The DSN."""
        return f"http://key@127.0.0.1:{self._server.server_port}/1"

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
