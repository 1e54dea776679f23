"""One Redis address, in the two dialects its clients speak.

kombu and Celery write a unix socket ``redis+socket:///path?virtual_host=1``, redis-py ``unix:///path?db=1``; addresses
over TCP are the same for both. Over TLS, each has a default of its own for whether to check the server's certificate,
and words of its own to say so: here it is checked unless the address says otherwise, in words that all understand.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def redis_client_url(url: str) -> str:
    """The address as redis-py reads it."""
    return _translate(_settle_tls(url), "redis+socket", "unix", {"virtual_host": "db"})


def celery_redis_url(url: str) -> str:
    """The address as kombu and Celery read it, as a broker and as a result backend."""
    return _translate(_settle_tls(url), "unix", "redis+socket", {"db": "virtual_host"})


def _settle_tls(url: str) -> str:
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
    # urlunsplit would drop the empty host of a scheme it does not know.
    return f"{new_scheme}://{parts.netloc}{urlunsplit(('', '', parts.path, query, parts.fragment))}"
