"""A web site on this machine, for tests: it serves pages by path and records the requests."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


def html(body: str, head: str = "") -> Page:
    """An HTML page."""
    text = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    return 200, {"Content-Type": "text/html; charset=utf-8"}, text.encode()


@dataclass(slots=True)
class Site:
    """``find`` returns the page of a path; ``asked`` lists the path and the time of each request."""

    find: Callable[[str], Page | None]
    url: str = ""
    asked: list[tuple[str, float]] = field(default_factory=list)

    def count(self, path: str) -> int:
        """The number of requests for a path."""
        return [asked for asked, _ in self.asked].count(path)


@contextmanager
def serve(find: Callable[[str], Page | None]) -> Iterator[Site]:
    """A running site."""
    site = Site(find)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, time.monotonic()))
            status, headers, body = site.find(self.path) or (404, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
