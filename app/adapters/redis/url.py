"""A Redis address in the two forms that its clients use.

For a unix socket, kombu and Celery use ``redis+socket:///path?virtual_host=1`` and redis-py ``unix:///path?db=1``.
Addresses over TCP are the same for both. Over TLS, the clients differ in their defaults and in how an address says
whether the server's certificate is checked. Here it is checked unless the address says otherwise, in a form that both
accept.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SCHEMES = {"redis", "rediss", "redis+socket", "unix"}


def is_redis(url: str) -> bool:
    """Whether an address is that of a single Redis."""
    return urlsplit(url).scheme in _SCHEMES


def redis_client_url(url: str) -> str:
    """The address in the form of redis-py."""
    return _translate(_normalise_tls(url), "redis+socket", "unix", {"virtual_host": "db"})


def celery_redis_url(url: str) -> str:
    """The address in the form of kombu and Celery, as a broker and as a result backend."""
    return _translate(_normalise_tls(url), "unix", "redis+socket", {"db": "virtual_host"})


def _normalise_tls(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return url
    query = dict(parse_qsl(parts.query))
    query["ssl_cert_reqs"] = query.get("ssl_cert_reqs", "required").removeprefix("CERT_").lower()
    return parts._replace(query=urlencode(query, safe="/")).geturl()


def _translate(url: str, scheme: str, new_scheme: str, names: dict[str, str]) -> str:
    parts = urlsplit(url)
    if parts.scheme != scheme:
        return url
    query = urlencode([(names.get(name, name), value) for name, value in parse_qsl(parts.query)])
    # urlunsplit would drop the empty host of an unknown scheme.
    return f"{new_scheme}://{parts.netloc}{urlunsplit(('', '', parts.path, query, parts.fragment))}"
