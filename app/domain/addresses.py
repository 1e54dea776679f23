"""The addresses from which pages may be read: public ones, and those that the operator allows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Listed here because the result of Python's ``is_global`` differs between patch releases.
_INTERNAL_V4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's host, reachable from every virtual machine
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
_INTERNAL_V6 = tuple(
    IPv6Network(network)
    # Protocol assignments with Teredo and ORCHID, documentation, 6to4: none belongs to a public server.
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_NAT64 = IPv6Network("64:ff9b::/96")
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_PARTS = 4
_BYTE = 256
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]/\s]+))(?::(?P<port>[0-9]{1,5}))?")
_LAST_PORT = 65535


ALL_HOSTS = "*"
"""In a list of networks: all addresses."""


def parse_networks(text: str) -> list[Network]:
    """Parse addresses and networks in CIDR notation, separated by commas.

    Raises:
        ValueError: one of them is neither.
    """
    return [ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()]


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, by IANA's registries of special-purpose addresses.

    An IPv6 address that contains an IPv4 address (mapped, or NAT64 of RFC 6052) counts as that IPv4 address.
    """
    address = unwrap(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _INTERNAL_V4)
    return (
        address.scope_id is None and address in _UNICAST_V6 and not any(address in network for network in _INTERNAL_V6)
    )


def unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 address contains; any other address unchanged."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address


def read_ipv4(host: str) -> IPv4Address | None:
    """Parse an IPv4 address in any notation that systems accept; None for a host name.

    Up to four numbers, each decimal, octal (``0177``) or hexadecimal (``0x7f``). The last number fills the remaining
    bytes (WHATWG URL Standard, "IPv4 parser"; inet_aton).

    Raises:
        ValueError: the host ends in a number but is not an address.
    """
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    if len(parts) > _PARTS or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"{host!r} is not a valid address")
    *first, last = map(_read_number, parts)
    if any(number >= _BYTE for number in first) or last >= _BYTE ** (_PARTS - len(first)):
        raise ValueError(f"{host!r} is not a valid address")
    return IPv4Address(last + sum(number * _BYTE ** (_PARTS - 1 - place) for place, number in enumerate(first)))


def _read_number(text: str) -> int:
    if text[:2] in {"0x", "0X"}:
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") and len(text) > 1 else int(text)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Internal hosts that may be read. A port of None allows every port."""

    names: frozenset[tuple[str, int | None]] = frozenset()
    networks: Sequence[tuple[Network, int | None]] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a list such as ``wiki.corp, git.corp:8443, 10.1.2.3, [fd00::1]:80, 10.0.0.0/8``.

        Raises:
            ValueError: names the first invalid entry.
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        names, networks = set(), []
        for entry in entries:
            host, port = _read_entry(entry)
            if isinstance(host, str):
                names.add((host, port))
            else:
                networks.append((host, port))
        return cls(frozenset(names), tuple(networks))

    @property
    def holds_networks(self) -> bool:
        """Whether a whole network is allowed, so that host names not listed here may belong to it."""
        return any(network.num_addresses > 1 for network, _ in self.networks)

    def allows_name(self, host: str, port: int) -> bool:
        """Whether a host name is allowed, whatever its addresses are."""
        return not self.names.isdisjoint({(host, None), (host, port)})

    def allows_address(self, address: Address, port: int) -> bool:
        """Whether an address is allowed, alone or within a network."""
        plain = unwrap(address)
        return any(plain in network and only in {None, port} for network, only in self.networks)


NONE_ALLOWED = AllowedHosts()


def _read_entry(entry: str) -> tuple[str | Network, int | None]:
    if "/" in entry:
        return ip_network(entry), None
    try:
        return ip_network(ip_address(entry)), None
    except ValueError:
        pass
    found = _WITH_PORT.fullmatch(entry)
    port = int(found["port"]) if found and found["port"] else None
    if not found or (port is not None and not 0 < port <= _LAST_PORT):
        raise ValueError(f"{entry!r} is not a host, host:port, address or network")
    if found["v6"] is not None:
        return ip_network(IPv6Address(found["v6"])), port
    address = read_ipv4(found["name"])
    return (ip_network(address) if address else found["name"].lower()), port
