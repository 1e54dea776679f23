"""A receiver of webhooks: a local HTTP server with scripted answers that keeps the messages it was sent."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from standardwebhooks import Webhook

from tests.web_server import Answer, WebServer, answer

OK = answer(b"thanks")


@dataclass(frozen=True, slots=True)
class Message:
    """A request. ``headers`` have names in lower case."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        """The event that it carries."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def id(self) -> str:
        """Its ``webhook-id``."""
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> dict[str, Any]:
        """The event, if the library accepts the signature; it raises otherwise."""
        event: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return event


class Receiver(WebServer):
    """``answers`` are sent in turn; then ``default`` is."""

    def __init__(self, *answers: Answer, default: Answer = OK, tls: bool = False) -> None:
        self.messages: list[Message] = []
        self.answers = list(answers)
        self.default = default
        super().__init__(tls=tls)

    def reply(self, connection: socket.socket) -> None:
        """Read one request with its body and answer it."""
        head, _, body = _receive_head(connection).partition(b"\r\n\r\n")
        if not head:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        while len(body) < int(headers.get("content-length", "0")) and (data := connection.recv(65536)):
            body += data
        self.messages.append(Message(first.split(" ")[1], headers, body.decode()))
        given = self.answers.pop(0) if self.answers else self.default
        if callable(given):
            given(connection, self._closing)
        else:
            connection.sendall(given)

    @property
    def events(self) -> list[str]:
        """The ids of the messages, in the order of their arrival."""
        return [message.id for message in self.messages]


def _receive_head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and (data := connection.recv(65536)):
        received += data
    return received


@contextmanager
def receive(*answers: Answer, default: Answer = OK, tls: bool = False) -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(*answers, default=default, tls=tls)
    try:
        yield receiver
    finally:
        receiver.close()
