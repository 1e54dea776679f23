"""A server for tests: its threads end with the process, and a client that disconnects is not reported."""

from http.server import ThreadingHTTPServer


class QuietServer(ThreadingHTTPServer):
    """Each connection has a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that disconnects is no error here."""
