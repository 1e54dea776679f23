"""The parser of URLs, used by every check and by the request itself.

Checks can be bypassed if they parse a URL differently from the client that requests it. So this module does not use
``urllib.parse``, which differs from browsers and HTTP clients.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from typing import Self
from urllib.parse import quote, unquote, urljoin

from app.domain.addresses import Address, read_ipv4
from app.domain.errors import InvalidUrlError, UrlNotAllowedError

MAX_LENGTH = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_LONGEST_NAME = 253
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"//([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SAFE = "/:@!$&'()*+,;=%"
_QUERY_SAFE = f"{_PATH_SAFE}?"
_TRACKING = re.compile(r"(?:utm_[^=]*|gclid|fbclid)(?:=|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A parsed http or https URL. ``host`` is ASCII and lower case; an address is in its usual notation."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    address: Address | None = None
    """The address, if ``host`` is one and not a name."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a URL; the fragment is dropped.

        Raises:
            InvalidUrlError: it cannot be parsed, is too long or has no host.
            UrlNotAllowedError: it has another scheme or contains credentials.
        """
        scheme, rest = _read_scheme(url)
        parts = _AUTHORITY.match(rest)
        if parts is None:
            raise InvalidUrlError("It has no host.")
        host, address, port = _read_authority(parts[1])
        path, query = _escape(parts[2], _PATH_SAFE), _escape(parts[3] or "", _QUERY_SAFE)
        made = cls(scheme, host, port or _DEFAULT_PORTS[scheme], _resolve_dots(path), query, address)
        if len(str(made)) > MAX_LENGTH:
            raise InvalidUrlError(f"It is longer than {MAX_LENGTH} characters.")
        return made

    @property
    def authority(self) -> str:
        """Host and port as in the ``Host`` header: no default port, IPv6 in brackets."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.has_default_port else f"{host}:{self.port}"

    @property
    def has_default_port(self) -> bool:
        """Whether the port is the scheme's default."""
        return self.port == _DEFAULT_PORTS[self.scheme]

    @property
    def target(self) -> str:
        """Path and query, as in the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def join(self, reference: str) -> Self:
        """Resolve a link or a ``Location`` on this page.

        Raises:
            InvalidUrlError, UrlNotAllowedError: as ``parse``.
        """
        if len(reference) > MAX_LENGTH:
            raise InvalidUrlError(f"It is longer than {MAX_LENGTH} characters.")
        try:
            joined = urljoin(str(self), reference)
        except ValueError as error:
            raise InvalidUrlError from error
        return self.parse(joined)

    def without_tracking(self) -> Self:
        """The URL without parameters that only track visitors."""
        kept = [pair for pair in self.query.split("&") if not _TRACKING.match(pair)]
        return replace(self, query="&".join(kept))


def read_authority(url: str | None) -> str | None:
    """Host and port of an address, as in the ``Host`` header; None without an address.

    Raises:
        InvalidUrlError, UrlNotAllowedError
    """
    return WebUrl.parse(url).authority if url else None


def _read_scheme(url: str) -> tuple[str, str]:
    if len(url) > MAX_LENGTH:
        raise InvalidUrlError(f"It is longer than {MAX_LENGTH} characters.")
    url = url.strip(" ")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in url):
        raise InvalidUrlError("It contains control characters.")
    found = _SCHEME.fullmatch(url)
    if found is None:
        raise InvalidUrlError("It has no scheme, such as https://.")
    scheme = found[1].lower()
    if scheme not in _DEFAULT_PORTS:
        raise UrlNotAllowedError(f"Only http and https are supported, not {scheme[:40]}.")
    return scheme, found[2]


def _read_authority(text: str) -> tuple[str, Address | None, int | None]:
    if "\\" in text:
        raise InvalidUrlError("Its host contains a backslash.")
    if "@" in text:
        raise UrlNotAllowedError("It contains a user name or password.")
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        raise InvalidUrlError("Its host and port are invalid.")
    host, address = _read_host(found[1])
    port = _read_port(found[2]) if found[2] else None
    return host, address, port


def _read_port(text: str) -> int:
    number = text.lstrip("0")
    if not number or len(number) > len(str(_LAST_PORT)) or int(number) > _LAST_PORT:
        raise InvalidUrlError(f"Its port is not between 1 and {_LAST_PORT}.")
    return int(number)


def _read_host(text: str) -> tuple[str, Address | None]:
    try:
        if text.startswith("["):
            address = _read_ipv6(text[1:-1])
            return str(address), address
        name = _fold(unquote(text, errors="strict")).removesuffix(".")
        number = read_ipv4(name) if name else None
    except ValueError as error:
        raise InvalidUrlError("Its host is neither a name nor an address.") from error
    return (str(number), number) if number else (_encode_name(name), None)


def _read_ipv6(text: str) -> IPv6Address:
    address = IPv6Address(text)
    if address.scope_id is not None:
        raise AddressValueError("a zone is valid on one machine only")
    return address


def _fold(name: str) -> str:
    """Lower case without compatibility forms, so that ``①②⑦`` becomes the number that clients read."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.lower()).lower()).replace("。", ".")


def _encode_name(name: str) -> str:
    """Encode a host name in ASCII (IDNA 2008 as in browsers: ß and ς stay distinct letters)."""
    if not name:
        raise InvalidUrlError("It has no host.")
    if len(name) > _LONGEST_NAME:
        raise InvalidUrlError("Its host name is too long.")
    labels = [_encode_label(label) for label in name.split(".")]
    encoded = ".".join(labels)
    if len(encoded) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise InvalidUrlError("Its host is neither a name nor an address.")
    return encoded


def _encode_label(label: str) -> str:
    if label.isascii():
        return label
    if any(unicodedata.category(char)[0] not in "LMN" and char != "-" for char in label):
        raise InvalidUrlError("Its host name contains characters that are not allowed in host names.")
    return f"xn--{label.encode('punycode').decode('ascii')}"


def _escape(text: str, safe: str) -> str:
    """Normalise percent-encoding: unreserved characters unescaped, other escapes in upper case."""
    tidied = _ESCAPE.sub(_tidy_escape, _STRAY_PERCENT.sub("%25", text))
    return quote(tidied, safe=safe)


def _tidy_escape(escape: re.Match[str]) -> str:
    char = chr(int(escape[1], 16))
    return char if char in _UNRESERVED else escape[0].upper()


def _resolve_dots(path: str) -> str:
    """Remove dot segments (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:] or [""]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return f"/{'/'.join(kept)}"
