"""Variables that look like settings and are none."""

from pathlib import Path

import pytest

from app.cli.local.unknown_names import find_unknown_names


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("WORKER_CONCURENCY_HIGH=4", "WORKER_CONCURRENCY_HIGH"),
        ("export DATABSE_URL='postgresql://localhost/a'", "DATABASE_URL"),
        ("  openai_apikey = x", "OPENAI_API_KEY"),
        ("NO_SUCH_THING_AT_ALL=1", None),
    ],
)
def test_an_unknown_name_in_the_file_is_named_with_the_nearest_setting(
    line: str, nearest: str | None, env_file: Path
) -> None:
    env_file.write_text(f"# DATABSE=1\nPORT=8001\n\n{line}\nAWS_REGION=x\nPOSTGRES_PASSWORD=y\n")
    [warning] = find_unknown_names(env_file)
    assert str(env_file) in warning
    assert warning.endswith(f" Is it {nearest}?" if nearest else " is not a setting and has no effect.")
    assert "localhost" not in warning


def test_of_the_environment_only_names_close_to_a_setting_are_named(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "REDIS_HOST", "HOSTNAME", "WEB_CONCURRENCY", "PORTS"):
        monkeypatch.setenv(name, "x")
    assert list(find_unknown_names(env_file)) == []
    monkeypatch.setenv("BOOTSTRAP_APIKEY", "a-secret-of-someone")
    [warning] = find_unknown_names(env_file)
    assert warning == "Warning: BOOTSTRAP_APIKEY is not a setting and has no effect. Is it BOOTSTRAP_API_KEY?"
