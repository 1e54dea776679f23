"""The limits of HTTP connections, and the proxies that are exempt from one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address

from app.domain.addresses import ALL_HOSTS, Network, parse_networks, unwrap
from app.settings import Settings

_PREFIX_V6 = 64
"""A client usually has all IPv6 addresses of such a prefix."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of one process. Times are in seconds."""

    header_time: float = 20.0
    """For the complete headers of a request, from its first byte or from the start of the connection."""
    idle_time: float = 75.0
    """For the next request on an open connection."""
    body_rate: int = 500
    """Bytes per second of a request's body, on average over each ``body_window``."""
    body_window: float = 20.0
    discard_time: float = 10.0
    """For the rest of a body whose request is answered."""
    send_time: float = 300.0
    """For a client to read any of a response that waits for it."""
    header_bytes: int = 64 * 1024
    per_client: int = 1000
    """Connections of one client address; IPv6 addresses with the same 64 bits at the beginning count as one."""
    total: int = 50_000
    """Connections of this process."""


class ClientAddresses:
    """Assigns connections to clients."""

    def __init__(self, trusted: str) -> None:
        """Set up.

        Args:
            trusted: The proxies, as FORWARDED_ALLOW_IPS lists them: each serves many clients.
        """
        self._all_trusted = trusted == ALL_HOSTS
        self._proxies: Sequence[Network] = () if self._all_trusted else parse_networks(trusted)

    def find_client(self, host: str | None) -> str | None:
        """The client that a connection counts for; None if it is a proxy's or has no address."""
        if host is None or self._all_trusted:
            return None
        try:
            address = unwrap(ip_address(host))
        except ValueError:
            return None  # a Unix socket
        if any(address in proxy for proxy in self._proxies if proxy.version == address.version):
            return None
        if isinstance(address, IPv4Address):
            return str(address)
        return str(IPv6Network((int(address), _PREFIX_V6), strict=False))


def choose_limits(settings: Settings, descriptors: int) -> ConnectionLimits:
    """The limits that the settings name. A fifth of the descriptors stays free for files and connections to servers."""
    return ConnectionLimits(
        header_time=settings.http_header_time_limit,
        idle_time=settings.http_idle_time_limit,
        body_rate=settings.http_body_min_rate,
        per_client=settings.http_connections_per_client,
        total=descriptors * 4 // 5,
    )
