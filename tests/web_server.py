"""A local web server with scripted answers: byte for byte, slow, endless, or none."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("web_server.pem")
"""A self-signed certificate of ``public.example``, with its key."""

Answer = bytes | Callable[[socket.socket, threading.Event], None]
"""The bytes to send, or a function that sends them until the event says that the server closes."""


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """A well-formed answer; ``content_type="text/html"`` becomes a header."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in ({"content-length": str(len(body))} | given).items()]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("utf-8", "surrogateescape") + body


def redirect(target: str, status: str = "302 Found") -> bytes:
    """A redirect."""
    return answer(status=status, location=target)


def stall(_: socket.socket, closing: threading.Event) -> None:
    """Accept the request and send nothing."""
    closing.wait()


def drip(connection: socket.socket, closing: threading.Event) -> None:
    """Send a byte now and then, so that no pause is long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
    while not closing.wait(0.05):
        connection.sendall(b"x")


def repeat(head: bytes, piece: bytes) -> Answer:
    """Send the same piece again and again, as fast as the client reads."""

    def send(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        while not closing.is_set():
            connection.sendall(piece)

    return send


class WebServer:
    """Listens on a loopback address; ``pages`` holds its answers.

    ``requests`` lists the heads of the requests, ``names`` the server names that TLS clients sent.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, tls: bool = False) -> None:
        self._host = host
        self.names: list[str | None] = []
        self.pages: dict[str, Answer] = {}
        self.requests: list[str] = []
        self._closing = threading.Event()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    outer.reply(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 32

        self._server = Server((host, port), Handler)
        if tls:
            self._server.socket = self._wrap(self._server.socket)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def _wrap(self, listener: socket.socket) -> ssl.SSLSocket:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        context.sni_callback = lambda _, name, __: self.names.append(name)
        return context.wrap_socket(listener, server_side=True)

    def reply(self, connection: socket.socket) -> None:
        """Read one request and answer it."""
        head = b""
        while b"\r\n\r\n" not in head and (data := connection.recv(65536)):
            head += data
        text = head.decode("latin-1")
        self.requests.append(text)
        page = self.pages.get(text.split(" ")[1], answer(status="404 Not Found")) if text else b""
        if callable(page):
            page(connection, self._closing)
        else:
            connection.sendall(page)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str | None = None) -> str:
        """The address of a page, by another name of this host if one is given."""
        return f"http://{host or self._host}:{self.port}{path}"

    def close(self) -> None:
        """Stop the server."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serve(host: str = "127.0.0.1", port: int = 0, *, tls: bool = False) -> Iterator[WebServer]:
    """A server for a block."""
    server = WebServer(host, port, tls=tls)
    try:
        yield server
    finally:
        server.close()
