"""A start that cannot succeed ends at once, with one line that names the reason."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from app.bootstrap import check_choices
from app.domain.errors import StartupError
from app.settings import Settings, load_settings
from tests.adapters.pinecone_server import run_pinecone
from tests.cli.indexed import create_index, index_a_document
from tests.cli.test_commands import run
from tests.database import execute
from tests.running import Stack


@pytest.fixture
def fresh(settings: Settings) -> Iterator[Stack]:
    """A stopped installation."""
    with Stack(settings) as stack:
        yield stack


def start(stack: Stack, command: str, environment: dict[str, str]) -> str:
    """The error output of a command that cannot start."""
    with Stack(stack.settings) as other:
        other.environment |= environment
        stderr = run(other, *command.split(), code=1).stderr
    assert "Traceback" not in stderr
    return stderr


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("EMBEDDING_MODEL", {"embedding_model": "x"}),
        ("EMBEDDING_MODEL", {"embedding_model": "minilm", "minilm_path": "/nowhere"}),
        ("OPENAI_API_KEY", {"embedding_provider": "openai"}),
        ("OPENAI_API_KEY", {"openai_chat_model": "gpt-4o-mini"}),
        ("OPENAI_EMBEDDING_DIMENSIONS", {"openai_embedding_dimensions": 0}),
        ("VECTOR_STORE", {"vector_store": "magic"}),
        ("QDRANT_URL", {"vector_store": "qdrant"}),
        ("QDRANT_URL", {"vector_store": "qdrant", "qdrant_url": "localhost:6333"}),
        ("QDRANT_URL", {"vector_store": "qdrant", "qdrant_url": "http://"}),
        ("PINECONE_API_KEY", {"vector_store": "pinecone"}),
    ],
)
def test_a_choice_that_lacks_something_is_named_in_a_line(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(StartupError) as raised:
        check_choices(load_settings(**given))
    assert name in raised.value.message
    assert "\n" not in raised.value.message


def test_a_choice_that_lacks_something_stops_the_start(fresh: Stack) -> None:
    lacking = [
        ("OPENAI_API_KEY", "api", {"EMBEDDING_PROVIDER": "openai"}),
        ("OPENAI_API_KEY", "up", {"OPENAI_CHAT_MODEL": "gpt-4o-mini"}),
        ("QDRANT_URL", "worker high", {"VECTOR_STORE": "qdrant"}),
    ]

    def check(case: tuple[str, str, dict[str, str]]) -> None:
        name, command, environment = case
        stderr = start(fresh, command, environment)
        assert name in stderr
        assert len(stderr.splitlines()) == 1, stderr

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(check, lacking))


def test_settings_that_ask_for_another_index_stop_the_start_with_a_line(fresh: Stack) -> None:
    create_index(fresh.settings)
    index_a_document(fresh.settings.database_url)
    for command in ("api", "worker high"):
        stderr = start(fresh, command, {"EMBEDDING_MODEL": "minilm"})
        assert "indexed with local wordllama in pgvector; the settings ask for local minilm in pgvector" in stderr
        assert "./sluice reembed" in stderr
        assert len(stderr.splitlines()) == 1


def test_a_database_that_is_away_stops_commands_with_a_line_and_the_api_without_a_traceback(fresh: Stack) -> None:
    away = {"DATABASE_URL": "postgresql://sluice:a-password@127.0.0.1:1/sluice"}
    for command in ("migrate", "keys list --local", "reembed --status"):
        stderr = start(fresh, command, away)
        assert "DATABASE_URL" in stderr
        assert len(stderr.splitlines()) == 1
    stderr = start(fresh, "api", away)
    assert "The database of DATABASE_URL cannot be reached" in stderr
    assert "a-password" not in stderr


@pytest.mark.slow
def test_a_database_of_an_unknown_revision_stops_the_start_with_a_line(fresh: Stack) -> None:
    assert fresh.settings.database_url
    execute(fresh.settings.database_url, "UPDATE alembic_version SET version_num = '20991231_01'")
    for command in ("migrate", "worker high", "up", "keys list --local"):
        stderr = start(fresh, command, {})
        assert "revision 20991231_01, which this version does not contain" in stderr
        assert len(stderr.splitlines()) == 1, stderr
    assert "revision 20991231_01, which this version does not contain" in start(fresh, "api", {})


def test_a_store_that_refuses_stops_the_start(fresh: Stack) -> None:
    with ExitStack() as opened:
        server = opened.enter_context(run_pinecone())
        server.create_index("sluice", 256)
        place = {"VECTOR_STORE": "pinecone", "PINECONE_HOST": server.get_host("sluice")}
        stderr = start(fresh, "api", {**place, "PINECONE_API_KEY": "pcsk_another"})
    assert "Pinecone rejects PINECONE_API_KEY" in stderr
