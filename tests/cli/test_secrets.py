"""Secrets in settings appear in no error, log line, ``repr`` or report, whether the settings are valid or not."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.domain.errors import StartupError
from app.settings import Settings, load_settings
from tests.deadlines import deadline
from tests.running import ROOT

CANARY = "cnry-7f3a91"
KEY = f"{CANARY}-long-enough-for-a-key"
CLOSED = f"user:{CANARY}@127.0.0.1:1"
VALID = {
    "DATABASE_URL": f"postgresql://{CLOSED}/sluice",
    "REDIS_URL": f"redis://{CLOSED}/0",
    "CELERY_BROKER_URL": f"redis://{CLOSED}/1",
    "CELERY_RESULT_BACKEND": f"redis://{CLOSED}/2",
    "BOOTSTRAP_API_KEY": KEY,
    "STORAGE_URL": f"file://{CLOSED}/nowhere",
    "S3_ENDPOINT_URL": f"http://{CLOSED}",
    "OPENAI_API_KEY": KEY,
    "OPENAI_BASE_URL": f"http://{CLOSED}/v1",
    "PINECONE_API_KEY": KEY,
    "QDRANT_URL": f"http://{CLOSED}",
    "QDRANT_API_KEY": KEY,
    "FIRECRAWL_API_KEY": KEY,
    "FIRECRAWL_API_URL": f"http://{CLOSED}",
    "RERANK_URL": f"http://{CLOSED}",
    "RERANK_API_KEY": KEY,
    "SMTP_URL": f"smtp://{CLOSED}",
    "SENTRY_DSN": f"https://{CANARY}@127.0.0.1/1",
}
INVALID = [
    ("BOOTSTRAP_API_KEY", CANARY),
    *((name, CANARY) for name in VALID if name.endswith("_URL") or name == "CELERY_RESULT_BACKEND"),
    *((name, f"//{CLOSED}") for name in VALID if name.endswith("_URL")),
    ("DATABASE_URL", f"postgresql://user:{CANARY}"),
    ("DATABASE_URL", f"mysql://user:{CANARY}/x@host/sluice"),
    ("REDIS_URL", f"redis://:{CANARY}/x@host:6379/0"),
    ("REDIS_URL", f"redis://[{CANARY}@host"),
    ("CELERY_BROKER_URL", f"amqp://user:{CANARY}#x@host//"),
    ("STORAGE_URL", f"s3://{CANARY}:{CANARY}@bucket/prefix"),
    ("OPENAI_BASE_URL", f"http://user:{CANARY}"),
    ("QDRANT_URL", f"http://{CANARY}\N{FULLWIDTH SOLIDUS}@host"),
]


def read(environment: dict[str, str]) -> Settings:
    return load_settings(**{name.lower(): value for name, value in environment.items()}, _env_file=None)


def run(environment: dict[str, str], folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"DATA_DIR": str(folder / "data"), "CELERY_LOG_LEVEL": "DEBUG", "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=deadline(90),
        check=False,
    )


def test_every_setting_that_may_hold_a_secret_is_among_the_cases() -> None:
    fields = Settings.model_fields.items()
    secrets = {name.upper() for name, field in fields if not field.repr}
    keys = {name.upper() for name, field in fields if SecretStr.__name__ in str(field.annotation)}
    named = {name.upper() for name, _ in fields if name.endswith(("_key", "_url", "_dsn", "_token", "_password"))}
    assert set(VALID) == secrets
    assert named | keys <= secrets
    assert {name for name in named if not name.endswith("_URL")} == keys


def test_settings_print_without_their_secrets() -> None:
    settings = read(VALID)
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_an_invalid_value_is_named_in_one_line_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(StartupError) as raised:
        read({name: value})
    assert name in raised.value.message
    assert CANARY not in raised.value.message
    assert "\n" not in raised.value.message


def test_the_error_of_pydantic_itself_shows_no_value() -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(bootstrap_api_key=CANARY, database_url=f"mysql://{CLOSED}")
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize(
    "command", [("main.py", "api"), ("-m", "uvicorn", "main:app"), ("-m", "celery", "-A", "app.celery_app", "report")]
)
@pytest.mark.parametrize(("name", "value"), [("BOOTSTRAP_API_KEY", CANARY), ("DATABASE_URL", f"mysql://{CLOSED}")])
def test_no_program_prints_an_invalid_secret(name: str, value: str, command: tuple[str, ...], tmp_path: Path) -> None:
    done = run({name: value}, tmp_path, *command)
    assert done.returncode != 0
    assert name in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "chosen",
    [
        {"EMBEDDING_PROVIDER": "openai", "OPENAI_CHAT_MODEL": "a-model", "VECTOR_STORE": "qdrant"},
        {"VECTOR_STORE": "pinecone", "PINECONE_HOST": "127.0.0.1:1", "SENTRY_DSN": f"{CANARY}:nothing"},
    ],
)
def test_the_doctor_reports_without_secrets(chosen: dict[str, str], tmp_path: Path) -> None:
    done = run({**VALID, **chosen}, tmp_path, "main.py", "doctor")
    assert done.returncode == 1
    assert "FAIL  database" in done.stdout
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["api", "migrate"])
def test_a_start_that_fails_prints_no_secret(command: str, tmp_path: Path) -> None:
    done = run(VALID, tmp_path, "main.py", command)
    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr
    assert CANARY not in done.stdout + done.stderr
