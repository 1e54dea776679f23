"""The sockets on which the API listens, opened once for all of its processes."""

import errno
import socket

from app.domain.errors import StartupError
from app.settings import Settings


def open_listeners(settings: Settings) -> list[socket.socket]:
    """Bind a socket to each address of HOST, IPv4 or IPv6. With port 0, all have the same free port.

    Connections are accepted when a server listens on the sockets.

    Raises:
        StartupError: HOST has no address on this machine, or the port is in use or may not be used.
    """
    listeners: list[socket.socket] = []
    port, failure = settings.port, ""
    for family, address in _resolve(settings.host):
        try:
            listener = _bind(family, (address[0], port, *address[2:]))
        except OSError as error:
            failure = error.strerror or str(error)
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                continue  # such as ::1 of localhost on a machine without IPv6
            break
        listeners.append(listener)
        port = get_port(listeners)
    else:
        if listeners:
            return listeners
    for listener in listeners:
        listener.close()
    raise StartupError(f"Port {settings.port} on {settings.host} is unavailable ({failure}). Set PORT to another.")


def get_port(listeners: list[socket.socket]) -> int:
    """The port of the sockets."""
    return int(listeners[0].getsockname()[1])


def _resolve(host: str) -> list[tuple[int, tuple[str, int] | tuple[str, int, int, int]]]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise StartupError(f"HOST: {host!r} is neither an address nor a name of this machine.") from error
    return [(family, address) for family, _, _, _, address in found]  # type: ignore[misc]  # of IPv4 or IPv6


def _bind(family: int, address: tuple[str | int, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
