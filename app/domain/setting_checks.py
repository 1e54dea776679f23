"""Checks of settings: each returns the value, or raises ``ValueError`` whose message follows the variable's name."""

import logging
import re
from urllib.parse import SplitResult, urlsplit

from app.domain.addresses import ALL_HOSTS, AllowedHosts, parse_networks
from app.domain.mail import is_mail_address

# As SQLAlchemy reads it, but with digits as the port. Its own error would print what stands there: part of a password.
_DATABASE_URL = re.compile(
    r"postgres(?:ql(?:\+asyncpg)?)?://(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?]+)?(?::[0-9]*)?(?:/[^?]*)?(?:\?.*)?"
)
_NEXT_BROKER = re.compile(r";(?=[a-z]+://)")
_REDIS_SCHEMES = {"redis", "rediss", "redis+socket", "unix"}


def check_database_url(value: str) -> str:
    """A URL of Postgres."""
    if not _DATABASE_URL.fullmatch(value):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return value


def _split(url: str) -> SplitResult:
    """Split a URL.

    Raises:
        ValueError: it cannot be read. Python's own message would print part of it.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a valid URL; percent-encode special characters in a password") from None
    return parts


def check_redis_url(value: str) -> str:
    """A URL of Redis or Valkey."""
    if _split(value).scheme not in _REDIS_SCHEMES:
        raise ValueError("must start with redis://, rediss:// or redis+socket://")
    return value


def check_broker_url(value: str) -> str:
    """A URL of a Celery broker, or several, separated by semicolons."""
    if any(_split(url).scheme not in {*_REDIS_SCHEMES, "amqp", "amqps"} for url in _NEXT_BROKER.split(value)):
        raise ValueError("must start with redis://, rediss://, redis+socket://, amqp:// or amqps://")
    return value


def check_result_backend(value: str) -> str:
    """A URL of Redis, or ``disabled://``."""
    if _split(value).scheme not in {*_REDIS_SCHEMES, "disabled"}:
        raise ValueError("must start with redis://, rediss:// or redis+socket://, or be disabled://")
    return value


def check_key_prefix(value: str) -> str:
    """A prefix of keys in Redis."""
    # Celery appends an underscore to a prefix without such an ending; other characters are wildcards in Redis channels.
    if not re.fullmatch(r"([A-Za-z0-9:_.-]*[:_.-])?", value):
        raise ValueError("must consist of letters, digits and : _ . - and end with one of these four characters")
    return value


def check_proxies(value: str) -> str:
    """Addresses and networks of reverse proxies, or ``*``."""
    if value.strip() == ALL_HOSTS:
        return ALL_HOSTS
    try:
        parse_networks(value)
    except ValueError:
        raise ValueError("must be *, or addresses and networks such as 10.0.0.7,10.1.0.0/16") from None
    return value


def check_languages(value: str) -> str:
    """Languages of tesseract."""
    if not re.fullmatch(r"\w+([+/]\w+)*", value):
        raise ValueError("must name languages as tesseract does, such as eng or eng+deu")
    return value


def check_storage_url(value: str) -> str:
    """A folder or an S3 bucket."""
    if _split(value).scheme == "s3":
        if not re.fullmatch(
            r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9](/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?", value
        ):
            raise ValueError(
                "must be s3://bucket (3 to 63 characters) or s3://bucket/prefix, of letters, digits and . _ -"
            )
    elif _split(value).scheme != "file":
        raise ValueError("must start with file:// or s3://")
    return value


def check_allowed_hosts(value: str) -> str:
    """Internal hosts whose pages may be read."""
    AllowedHosts.parse(value)
    return value


def check_mail_url(value: str) -> str:
    """A URL of a mail server."""
    parts = _split(value)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host:465")
    if parts.query not in {"", "starttls=required"}:
        raise ValueError("may end with ?starttls=required and with nothing else")
    return value


def check_mail_address(value: str) -> str:
    """One mail address."""
    if not is_mail_address(value):
        raise ValueError("must be a mail address such as sluice@example.com")
    return value


def check_mail_addresses(value: str) -> str:
    """Mail addresses with commas between them."""
    if not all(is_mail_address(address.strip()) for address in value.split(",") if value):
        raise ValueError("must be mail addresses with commas between them, such as a@example.com,b@example.com")
    return value


def check_user_agent(value: str) -> str:
    """A user agent for web servers."""
    if not re.fullmatch(r"[A-Za-z_-]+([ /][ -~]*)?", value):
        raise ValueError("must start with a name of letters, _ and -, and consist of printable ASCII")
    return value


def check_web_address(value: str) -> str:
    """An HTTP address."""
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be http:// or https:// followed by a host")
    return value


def check_host(value: str) -> str:
    """A host of Pinecone."""
    if not re.fullmatch(r"(https?://)?[A-Za-z0-9.-]+(:\d+)?/?", value):
        raise ValueError("must be a host, as Pinecone's console shows it")
    return value


def check_collection(value: str) -> str:
    """A name of a collection."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise ValueError("must consist of letters, digits and . _ -")
    return value


def name_log_level(value: object) -> object:
    """The name of a log level, whose number Celery writes into the variable in its own processes."""
    return logging.getLevelName(int(value)) if isinstance(value, str) and value.isdigit() else value
