"""One Redis address, in the two dialects its clients speak.

kombu and Celery write a unix socket ``redis+socket:///path?virtual_host=1``, redis-py ``unix:///path?db=1``; addresses
over TCP are the same for both.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def redis_client_url(url: str) -> str:
    """The address as redis-py reads it."""
    return _translate(url, "redis+socket", "unix", {"virtual_host": "db"})


def celery_redis_url(url: str) -> str:
    """The address as kombu and Celery read it, as a broker and as a result backend."""
    return _translate(url, "unix", "redis+socket", {"db": "virtual_host"})


def _translate(url: str, scheme: str, new_scheme: str, names: dict[str, str]) -> str:
    parts = urlsplit(url)
    if parts.scheme != scheme:
        return url
    query = urlencode([(names.get(name, name), value) for name, value in parse_qsl(parts.query)])
    # urlunsplit would drop the empty host of a scheme it does not know.
    return f"{new_scheme}://{parts.netloc}{urlunsplit(('', '', parts.path, query, parts.fragment))}"
