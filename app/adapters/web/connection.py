"""Connections to checked addresses only.

The check is made where the connection is made: a name is resolved once, all its addresses are checked, and one of these
addresses is connected to. So a name that resolves differently a moment later (DNS rebinding) cannot bypass the check.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from itertools import zip_longest

import httpcore

from app.domain.addresses import Address, AllowedHosts
from app.domain.errors import PageUnreachableError
from app.domain.web import check_address

Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]
"""Resolves a host name, for a port, to its addresses."""

CONNECT_SECONDS = 5.0
_CANDIDATES = 4
_LOOKUPS_AT_ONCE = 64

_lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="lookup")
"""Threads that wait for name servers. The event loop's own few threads do the work of other tasks."""


async def resolve(host: str, port: int) -> Sequence[Address]:
    """Resolve a host name by the system's resolver, which includes ``/etc/hosts``.

    Raises:
        PageUnreachableError: the name has no address.
    """
    try:
        lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(_lookups, lookup)
    except (OSError, UnicodeError) as error:
        raise PageUnreachableError(f"The name {host} has no address.") from error
    return [ip_address(entry[4][0]) for entry in found]


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens TCP connections for httpcore to public addresses and to those that the operator allows."""

    def __init__(
        self, allowed: AllowedHosts, resolve: Resolve = resolve, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers. The time-out is divided among the addresses.

        Raises:
            UrlNotAllowedError: an address of the host is neither public nor allowed.
            PageUnreachableError: the host has no address, or none answers.
        """
        addresses = _interleave(await self._find(host, port))[:_CANDIDATES]
        share = (timeout or CONNECT_SECONDS) / len(addresses)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
        raise PageUnreachableError("The server does not answer.") from failure

    async def _find(self, host: str, port: int) -> Sequence[Address]:
        try:
            addresses: Sequence[Address] = [ip_address(host)]
        except ValueError:
            addresses = list(dict.fromkeys(await self._resolve(host, port)))
        if not addresses:
            raise PageUnreachableError(f"The name {host} has no address.")
        if not self._allowed.allows_name(host, port):
            for address in addresses:
                check_address(address, port, self._allowed)
        return addresses


def _interleave(addresses: Sequence[Address]) -> list[Address]:
    """Alternate between IPv6 and IPv4, the system's preference first, since one of the two may be unreachable."""
    first = [address for address in addresses if address.version == addresses[0].version]
    other = [address for address in addresses if address.version != addresses[0].version]
    return [address for pair in zip_longest(first, other) for address in pair if address is not None]
