"""Accounts in social networks: their canonical addresses, without links that share a page or open a dialog."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_NAME = r"(?!\.{1,2}(?:/|$))([A-Za-z0-9_.\-%À-￿]{1,100})"
_SCHEMES = ("http://", "https://", "//")
_LONGEST = 500


class _Network(NamedTuple):
    """A network: its hosts, the paths of accounts, the canonical address, and names that are no accounts."""

    hosts: tuple[str, ...]
    path: re.Pattern[str]
    address: str
    reserved: frozenset[str] = frozenset()


def _network(hosts: str, path: str, address: str, reserved: str = "") -> _Network:
    return _Network(tuple(hosts.split()), re.compile(path), address, frozenset(reserved.split()))


_NETWORKS: Mapping[str, _Network] = {
    "linkedin": _network(
        "linkedin.com", rf"/(company|school|showcase)/{_NAME}", "https://www.linkedin.com/{0}/{1}", "unavailable"
    ),
    "x": _network(
        "x.com twitter.com", r"/@?([A-Za-z0-9_]{1,15})", "https://x.com/{0}",
        "share intent home search hashtag i login signup about tos privacy explore",
    ),
    "github": _network(
        "github.com", r"/([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))", "https://github.com/{0}",
        "features about login join sponsors topics orgs marketplace explore pricing security enterprise contact",
    ),
    "gitlab": _network("gitlab.com", rf"/{_NAME}", "https://gitlab.com/{0}", "users explore help"),
    "youtube": _network(
        "youtube.com", rf"/(@|channel/|c/|user/){_NAME}", "https://www.youtube.com/{0}{1}"
    ),
    "facebook": _network(
        "facebook.com fb.com", rf"/(?:pages/[^/]+/|pg/)?{_NAME}", "https://www.facebook.com/{0}",
        "sharer sharer.php share share.php dialog plugins profile.php tr login events groups hashtag help policies "
        "people watch l.php",
    ),
    "instagram": _network(
        "instagram.com", rf"/{_NAME}", "https://www.instagram.com/{0}", "p reel reels explore accounts stories tv"
    ),
    "xing": _network("xing.com", rf"/(companies|pages|company)/{_NAME}", "https://www.xing.com/pages/{1}"),
    "tiktok": _network("tiktok.com", rf"/@{_NAME}", "https://www.tiktok.com/@{0}"),
    "bluesky": _network("bsky.app", rf"/profile/{_NAME}", "https://bsky.app/profile/{0}"),
    "pinterest": _network("pinterest.com", rf"/{_NAME}", "https://www.pinterest.com/{0}", "pin search"),
    "vimeo": _network("vimeo.com", r"/([A-Za-z][A-Za-z0-9]{1,50})", "https://vimeo.com/{0}", "watch features upgrade"),
    "crunchbase": _network("crunchbase.com", rf"/organization/{_NAME}", "https://www.crunchbase.com/organization/{0}"),
    "wikipedia": _network("wikipedia.org", r"/wiki/([^?#]{1,200})", "https://{host}/wiki/{0}"),
}  # fmt: skip
NETWORKS = tuple(_NETWORKS)


def read_account(address: str) -> tuple[str, str] | None:
    """The network and the canonical address of an account; None for any other address."""
    address = address.strip()
    if not address.lower().startswith(_SCHEMES) or len(address) > _LONGEST:
        return None
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.username is not None:
        return None
    path = unquote(parts.path).rstrip("/")
    for name, network in _NETWORKS.items():
        if any(host == one or host.endswith(f".{one}") for one in network.hosts):
            return _read_path(name, network, host, path)
    return None


def _read_path(name: str, network: _Network, host: str, path: str) -> tuple[str, str] | None:
    found = network.path.match(path)
    if found is None or any(character.isspace() or character in "<>\"'\\" for character in found[0]):
        return None
    if found.groups()[-1].lower() in network.reserved or found.groups()[0].lower() in network.reserved:
        return None
    rest = path[found.end() :]
    if rest and not rest.startswith("/"):
        return None
    lower: Callable[[str], str] = str.lower if name in {"x", "github", "instagram", "tiktok"} else str
    return name, network.address.format(*map(lower, found.groups()), host=host)


def make_account(network: str, handle: str) -> str | None:
    """The address of an account that is given by its name, such as ``@example``."""
    name = handle.strip().removeprefix("@")
    found = read_account(f"https://{_NETWORKS[network].hosts[0]}/{name}")
    return found[1] if found else None
