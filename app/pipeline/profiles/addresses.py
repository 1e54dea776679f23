"""Addresses of pages and files, as a page refers to them."""

from urllib.parse import urljoin, urlsplit

_LONGEST = 2048


def join(address: str, reference: str) -> str | None:
    """The address that a page refers to, if it is http or https; None for any other."""
    try:
        url = urljoin(address, reference.strip())
    except ValueError:
        return None
    return url if url.startswith(("https://", "http://")) and len(url) <= _LONGEST else None


def read_host(address: str) -> str:
    """The host of an address without ``www.``; empty for what is no address."""
    try:
        return (urlsplit(address).hostname or "").lower().removeprefix("www.")
    except ValueError:
        return ""


def is_same_site(one: str, other: str) -> bool:
    """Whether two hosts are the same, or one is within the other's domain."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")
