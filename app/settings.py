"""The settings: environment variables, or ``.env`` in the folder of the program.

A process reads them once at its start and passes them down. ``.env.example`` lists each with its default. Relative
paths start at the folder of the program too, so that every command uses one installation from any working directory.

Secrets stay out of errors, logs and ``repr``. Keys are ``SecretStr``. Keys, and URLs that may contain a password, have
``repr=False``: neither ``repr`` nor an error shows their values.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.addresses import ALL_HOSTS, AllowedHosts, parse_networks
from app.domain.errors import StartupError
from app.domain.mail import is_mail_address

HOME = Path(__file__).parents[1]
# As SQLAlchemy reads it, but with digits as the port. Its own error would print what stands there: part of a password.
_DATABASE_URL = re.compile(
    r"postgres(?:ql(?:\+asyncpg)?)?://(?:[^:/]*(?::[^@]*)?@)?(?:\[[^/?]+\]|[^/:?]+)?(?::[0-9]*)?(?:/[^?]*)?(?:\?.*)?"
)
_NEXT_BROKER = re.compile(r";(?=[a-z]+://)")
_SHORTEST_KEY = 16
_REDIS_SCHEMES = {"redis", "rediss", "redis+socket", "unix"}


def _check_database_url(value: str) -> str:
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


def _check_redis_url(value: str) -> str:
    if _split(value).scheme not in _REDIS_SCHEMES:
        raise ValueError("must start with redis://, rediss:// or redis+socket://")
    return value


def _check_broker_url(value: str) -> str:
    if any(_split(url).scheme not in {*_REDIS_SCHEMES, "amqp", "amqps"} for url in _NEXT_BROKER.split(value)):
        raise ValueError("must start with redis://, rediss://, redis+socket://, amqp:// or amqps://")
    return value


def _check_result_backend(value: str) -> str:
    if _split(value).scheme not in {*_REDIS_SCHEMES, "disabled"}:
        raise ValueError("must start with redis://, rediss:// or redis+socket://, or be disabled://")
    return value


def _check_key_prefix(value: str) -> str:
    # Celery appends an underscore to a prefix without such an ending; other characters are wildcards in Redis channels.
    if not re.fullmatch(r"([A-Za-z0-9:_.-]*[:_.-])?", value):
        raise ValueError("must consist of letters, digits and : _ . - and end with one of these four characters")
    return value


def _check_key(value: SecretStr) -> SecretStr:
    # A key is sent in a header, where spaces and other characters do not arrive unchanged.
    if not re.fullmatch(rf"[!-~]{{{_SHORTEST_KEY},}}", value.get_secret_value()):
        raise ValueError(f"must have at least {_SHORTEST_KEY} characters, all of them visible ASCII without spaces")
    return value


def _check_proxies(value: str) -> str:
    if value.strip() == ALL_HOSTS:
        return ALL_HOSTS
    try:
        parse_networks(value)
    except ValueError:
        raise ValueError("must be *, or addresses and networks such as 10.0.0.7,10.1.0.0/16") from None
    return value


def _check_languages(value: str) -> str:
    if not re.fullmatch(r"\w+([+/]\w+)*", value):
        raise ValueError("must name languages as tesseract does, such as eng or eng+deu")
    return value


def _check_storage_url(value: str) -> str:
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


def _check_allowed_hosts(value: str) -> str:
    AllowedHosts.parse(value)
    return value


def _check_mail_url(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host:465")
    if parts.query not in {"", "starttls=required"}:
        raise ValueError("may end with ?starttls=required and with nothing else")
    return value


def _check_mail_address(value: str) -> str:
    if not is_mail_address(value):
        raise ValueError("must be a mail address such as sluice@example.com")
    return value


def _check_user_agent(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_-]+([ /][ -~]*)?", value):
        raise ValueError("must start with a name of letters, _ and -, and consist of printable ASCII")
    return value


def _check_web_address(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be http:// or https:// followed by a host")
    return value


def _check_host(value: str) -> str:
    if not re.fullmatch(r"(https?://)?[A-Za-z0-9.-]+(:\d+)?/?", value):
        raise ValueError("must be a host, as Pinecone's console shows it")
    return value


def _check_collection(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
        raise ValueError("must consist of letters, digits and . _ -")
    return value


def _resolve(path: Path) -> Path:
    return HOME / path  # an absolute path stays as it is


def reveal(secret: SecretStr | None) -> str | None:
    """The text of a secret, for the constructor of the adapter that sends it."""
    return secret.get_secret_value() if secret else None


class Settings(BaseSettings):
    """The settings of one Sluice installation."""

    model_config = SettingsConfigDict(
        env_file=HOME / ".env", extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    database_url: Annotated[str, AfterValidator(_check_database_url)] | None = Field(None, repr=False)
    redis_url: Annotated[str, AfterValidator(_check_redis_url)] | None = Field(None, repr=False)
    redis_key_prefix: Annotated[str, AfterValidator(_check_key_prefix)] = ""
    celery_broker_url: Annotated[str, AfterValidator(_check_broker_url)] | None = Field(None, repr=False)
    celery_result_backend: Annotated[str, AfterValidator(_check_result_backend)] | None = Field(None, repr=False)
    celery_show_filenames: bool = True
    celery_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    worker_concurrency_high: int = Field(4, ge=1)
    worker_concurrency_medium: int = Field(8, ge=1)
    worker_concurrency_low: int = Field(16, ge=1)
    worker_concurrency_default: int = Field(2, ge=1)
    celery_task_soft_time_limit: int = Field(600, ge=1)
    celery_task_time_limit: int = Field(660, ge=1)
    celery_worker_prefetch_multiplier: int = Field(1, ge=1)
    celery_worker_max_tasks_per_child: int = Field(1000, ge=1)

    task_max_retries: int = Field(3, ge=0)
    task_retry_backoff: float = Field(2.0, gt=0)
    task_retry_backoff_max: float = Field(600.0, gt=0)
    task_max_crashes: int = Field(3, ge=1)
    task_cancel_grace_seconds: float = Field(10.0, ge=0)
    worker_lease_seconds: float = Field(15.0, ge=1)
    worker_shutdown_seconds: float = Field(20.0, ge=0)
    agent_max_waiting: int = Field(100_000, ge=1)
    task_retention_days: int = Field(30, ge=1)
    result_expires: int = Field(3600, ge=60)

    data_dir: Annotated[Path, AfterValidator(_resolve)] = Path("var")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    api_workers: int = Field(1, ge=1)
    forwarded_allow_ips: Annotated[str, AfterValidator(_check_proxies)] = "127.0.0.1,::1"
    http_header_time_limit: float = Field(20.0, gt=0)
    http_idle_time_limit: float = Field(75.0, gt=0)
    http_body_min_rate: int = Field(500, ge=0)
    http_connections_per_client: int = Field(1000, ge=1)
    bootstrap_api_key: Annotated[SecretStr, AfterValidator(_check_key)] | None = Field(None, repr=False)
    max_upload_mb: float = Field(50.0, gt=0)
    batch_max_files: int = Field(1000, ge=1)
    archive_max_members: int = Field(10_000, ge=1)
    archive_max_mb: int = Field(1024, ge=1)
    archive_max_depth: int = Field(3, ge=1)
    storage_url: Annotated[str, AfterValidator(_check_storage_url)] | None = Field(None, repr=False)
    s3_endpoint_url: Annotated[str, AfterValidator(_check_web_address)] | None = Field(None, repr=False)
    s3_server_side_encryption: Literal["AES256", "aws:kms"] | None = None

    parse_time_limit: float = Field(120.0, gt=0)
    parse_memory_mb: int = Field(1024, ge=128)
    parse_max_pages: int = Field(5000, ge=1)
    large_document_chunks: int = Field(2000, ge=1)
    embedding_batch_chunks: int = Field(500, ge=1, le=1000)
    ocr_engine: Literal["auto", "rapidocr", "tesseract", "off"] = "auto"
    ocr_time_limit: float = Field(400.0, gt=0)
    ocr_languages: Annotated[str, AfterValidator(_check_languages)] | None = None

    embedding_provider: Literal["local", "openai", "sentence-transformers"] = "local"
    embedding_model: str | None = None
    minilm_path: Annotated[Path, AfterValidator(_resolve)] | None = None
    embedding_cache_days: int = Field(30, ge=0)
    openai_api_key: SecretStr | None = Field(None, repr=False)
    openai_base_url: Annotated[str, AfterValidator(_check_web_address)] | None = Field(None, repr=False)
    openai_embedding_model: str = "text-embedding-3-small"
    openai_embedding_dimensions: int | None = Field(None, ge=1, le=4000)
    openai_embedding_batch: int = Field(100, ge=1, le=2048)
    openai_chat_model: str | None = None
    openai_chat_context_tokens: int = Field(16_000, ge=1000)
    openai_chat_passages_share: float = Field(0.7, gt=0, lt=1)
    openai_chat_max_tokens: int = Field(1000, ge=50)
    openai_time_limit: float = Field(60.0, gt=0)
    openai_requests_per_minute: int | None = Field(None, ge=1)
    openai_tokens_per_minute: int | None = Field(None, ge=1)

    rerank_url: Annotated[str, AfterValidator(_check_web_address)] | None = Field(None, repr=False)
    rerank_api_key: SecretStr | None = Field(None, repr=False)
    rerank_model: str | None = None
    rerank_candidates: int = Field(50, ge=1, le=100)
    rerank_time_limit: float = Field(10.0, gt=0)

    vector_store: Literal["pgvector", "pinecone", "qdrant"] = "pgvector"
    pinecone_api_key: SecretStr | None = Field(None, repr=False)
    pinecone_index: str = "sluice"
    pinecone_host: Annotated[str, AfterValidator(_check_host)] | None = None
    pinecone_requests_per_minute: int | None = Field(None, ge=1)
    qdrant_url: Annotated[str, AfterValidator(_check_web_address)] | None = Field(None, repr=False)
    qdrant_api_key: SecretStr | None = Field(None, repr=False)
    qdrant_collection: Annotated[str, AfterValidator(_check_collection)] = "sluice"

    crawl_delay_seconds: float = Field(0.25, ge=0)
    web_time_limit: float = Field(30.0, gt=0)
    web_allowed_hosts: Annotated[str, AfterValidator(_check_allowed_hosts)] = ""
    web_user_agent: Annotated[str, AfterValidator(_check_user_agent)] = "Sluice"
    firecrawl_api_key: SecretStr | None = Field(None, repr=False)
    firecrawl_api_url: Annotated[str, AfterValidator(_check_web_address)] | None = Field(None, repr=False)

    smtp_url: Annotated[str, AfterValidator(_check_mail_url)] | None = Field(None, repr=False)
    mail_from: Annotated[str, AfterValidator(_check_mail_address)] = "sluice@localhost"

    log_format: Literal["console", "json"] = "console"
    access_log: bool = True
    sentry_dsn: SecretStr | None = Field(None, repr=False)

    @cached_property
    def max_upload_bytes(self) -> int:
        """``MAX_UPLOAD_MB`` in bytes (1 MB = 1,048,576)."""
        return int(self.max_upload_mb * 1024 * 1024)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        StartupError: a value is invalid; one line names the variable, and shows the value unless it may hold a secret.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        reason = first["msg"].removeprefix("Value error, ")
        given = "" if _may_hold_secret(name) else f" (got {first['input']!r})"
        raise StartupError(f"{name.upper() or 'Settings'}: {reason}{given}") from None


def _may_hold_secret(name: str) -> bool:
    field = Settings.model_fields.get(name)
    return field is None or not field.repr
