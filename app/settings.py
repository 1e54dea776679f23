"""The settings: environment variables, or ``.env`` in the folder of the program.

A process reads them once at its start and passes them down. ``.env.example`` lists each with its default. Relative
paths start at the folder of the program too, so that every command uses one installation from any working directory.

Secrets stay out of errors, logs and ``repr``. Keys are ``SecretStr``. Keys, and URLs that may contain a password, have
``repr=False``: neither ``repr`` nor an error shows their values.
"""

import re
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.errors import StartupError
from app.domain.limits import LARGEST_LIMIT, MOST_REQUESTS
from app.domain.setting_checks import (
    check_allowed_hosts,
    check_broker_url,
    check_collection,
    check_database_url,
    check_host,
    check_key_prefix,
    check_languages,
    check_mail_address,
    check_mail_addresses,
    check_mail_url,
    check_proxies,
    check_redis_url,
    check_result_backend,
    check_storage_url,
    check_user_agent,
    check_web_address,
    name_log_level,
)

HOME = Path(__file__).parents[1]
_SHORTEST_KEY = 16


def _check_key(value: SecretStr) -> SecretStr:
    # A key is sent in a header, where spaces and other characters do not arrive unchanged.
    if not re.fullmatch(rf"[!-~]{{{_SHORTEST_KEY},}}", value.get_secret_value()):
        raise ValueError(f"must have at least {_SHORTEST_KEY} characters, all of them visible ASCII without spaces")
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

    database_url: Annotated[str, AfterValidator(check_database_url)] | None = Field(None, repr=False)
    redis_url: Annotated[str, AfterValidator(check_redis_url)] | None = Field(None, repr=False)
    redis_key_prefix: Annotated[str, AfterValidator(check_key_prefix)] = ""
    celery_broker_url: Annotated[str, AfterValidator(check_broker_url)] | None = Field(None, repr=False)
    celery_result_backend: Annotated[str, AfterValidator(check_result_backend)] | None = Field(None, repr=False)
    celery_show_filenames: bool = True
    celery_log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(name_log_level)] = "INFO"

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
    result_retention_days: int | None = Field(None, ge=1)
    event_retention_days: int = Field(30, ge=1)
    delivery_retention_days: int = Field(30, ge=1)
    audit_retention_days: int = Field(400, ge=1)
    usage_retention_days: int = Field(400, ge=1)
    retention_min_days: int = Field(1, ge=1)
    retention_max_days: int = Field(3650, ge=1)
    result_expires: int = Field(3600, ge=60)

    data_dir: Annotated[Path, AfterValidator(_resolve)] = Path("var")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    api_workers: int = Field(1, ge=1)
    forwarded_allow_ips: Annotated[str, AfterValidator(check_proxies)] = "127.0.0.1,::1"
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
    storage_url: Annotated[str, AfterValidator(check_storage_url)] | None = Field(None, repr=False)
    s3_endpoint_url: Annotated[str, AfterValidator(check_web_address)] | None = Field(None, repr=False)
    s3_server_side_encryption: Literal["AES256", "aws:kms"] | None = None

    parse_time_limit: float = Field(120.0, gt=0)
    parse_memory_mb: int = Field(1024, ge=128)
    parse_max_pages: int = Field(5000, ge=1)
    large_document_chunks: int = Field(2000, ge=1)
    embedding_batch_chunks: int = Field(500, ge=1, le=1000)
    ocr_engine: Literal["auto", "rapidocr", "tesseract", "off"] = "auto"
    ocr_time_limit: float = Field(400.0, gt=0)
    ocr_languages: Annotated[str, AfterValidator(check_languages)] | None = None

    embedding_provider: Literal["local", "openai", "sentence-transformers"] = "local"
    embedding_model: str | None = None
    minilm_path: Annotated[Path, AfterValidator(_resolve)] | None = None
    embedding_cache_days: int = Field(30, ge=0)
    openai_api_key: SecretStr | None = Field(None, repr=False)
    openai_base_url: Annotated[str, AfterValidator(check_web_address)] | None = Field(None, repr=False)
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

    rerank_url: Annotated[str, AfterValidator(check_web_address)] | None = Field(None, repr=False)
    rerank_api_key: SecretStr | None = Field(None, repr=False)
    rerank_model: str | None = None
    rerank_candidates: int = Field(50, ge=1, le=100)
    rerank_time_limit: float = Field(10.0, gt=0)

    vector_store: Literal["pgvector", "pinecone", "qdrant"] = "pgvector"
    pinecone_api_key: SecretStr | None = Field(None, repr=False)
    pinecone_index: str = "sluice"
    pinecone_host: Annotated[str, AfterValidator(check_host)] | None = None
    pinecone_requests_per_minute: int | None = Field(None, ge=1)
    qdrant_url: Annotated[str, AfterValidator(check_web_address)] | None = Field(None, repr=False)
    qdrant_api_key: SecretStr | None = Field(None, repr=False)
    qdrant_collection: Annotated[str, AfterValidator(check_collection)] = "sluice"

    crawl_delay_seconds: float = Field(0.25, ge=0)
    web_time_limit: float = Field(30.0, gt=0)
    web_allowed_hosts: Annotated[str, AfterValidator(check_allowed_hosts)] = ""
    web_user_agent: Annotated[str, AfterValidator(check_user_agent)] = "Sluice"
    webhook_time_limit: float = Field(10.0, gt=0)
    webhook_disable_days: int = Field(5, ge=1)
    firecrawl_api_key: SecretStr | None = Field(None, repr=False)
    firecrawl_api_url: Annotated[str, AfterValidator(check_web_address)] | None = Field(None, repr=False)

    prices_file: Annotated[Path, AfterValidator(_resolve)] | None = None

    quota_documents_per_month: int | None = Field(None, ge=0, le=LARGEST_LIMIT)
    quota_stored_bytes: int | None = Field(None, ge=0, le=LARGEST_LIMIT)
    quota_tokens_per_month: int | None = Field(None, ge=0, le=LARGEST_LIMIT)
    quota_requests_per_minute: int | None = Field(None, ge=1, le=MOST_REQUESTS)
    quota_amount_per_month: Decimal | None = Field(None, ge=0, le=LARGEST_LIMIT)

    smtp_url: Annotated[str, AfterValidator(check_mail_url)] | None = Field(None, repr=False)
    mail_from: Annotated[str, AfterValidator(check_mail_address)] = "sluice@localhost"
    dead_letter_emails: Annotated[str, AfterValidator(check_mail_addresses)] = ""
    dead_letter_email_minutes: float = Field(15.0, gt=0)

    log_format: Literal["console", "json"] = "console"
    access_log: bool = True
    audit_client_addresses: bool = False
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
