"""Changing the model on the command line, and the reports of the doctor and of the queues at the same time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from app.settings import Settings
from tests.cli.indexed import create_index, index_a_document
from tests.cli.test_commands import run, run_json
from tests.database import execute
from tests.running import Stack

MINILM = {"EMBEDDING_MODEL": "minilm"}
UNREACHABLE = {"EMBEDDING_PROVIDER": "openai", "OPENAI_BASE_URL": "http://127.0.0.1:1", "OPENAI_TIME_LIMIT": "5"}


@pytest.fixture
def known(settings: Settings) -> Iterator[Stack]:
    """A stopped installation with its first index."""
    create_index(settings)
    with Stack(settings) as stack:
        yield stack


@contextmanager
def set_for(stack: Stack, **environment: str) -> Iterator[Stack]:
    """The same installation in a shell with other settings."""
    with Stack(stack.settings) as other:
        other.environment |= environment
        yield other


def list_indexes(stack: Stack) -> list[tuple[str, str]]:
    """The state and the model of each index."""
    return [(index["state"], index["model"]) for index in run_json(stack, "reembed", "--status")["indexes"]]


def diagnose(stack: Stack, code: int) -> dict[str, dict[str, Any]]:
    """The doctor's checks by name."""
    return {check["name"]: check for check in run_json(stack, "doctor", code=code)}


def test_status_shows_what_there_is_and_begins_nothing(settings: Settings) -> None:
    with Stack(settings) as stack, set_for(stack, **MINILM) as other:
        assert list_indexes(stack) == []
        create_index(settings)
        [index] = run_json(other, "reembed", "--status")["indexes"]
    assert (index["state"], index["store"], index["provider"]) == ("active", "pgvector", "local")
    assert (index["model"], index["documents"], index["lacking"], index["failed"]) == ("wordllama", 0, 0, 0)


def test_an_index_is_begun_told_of_and_given_up(known: Stack) -> None:
    with set_for(known, **MINILM) as other:
        assert "Building an index with local minilm in pgvector." in run(other, "reembed").stderr
        assert list_indexes(known) == [("active", "wordllama"), ("building", "minilm")]
        run(other, "reembed")  # continues the same index
        assert "An index is being built with local minilm" in run(known, "reembed", code=1).stderr
        run(known, "reembed", "--abandon")
        assert list_indexes(known) == [("active", "wordllama"), ("retired", "minilm")]


def test_there_is_nothing_to_give_up_where_nothing_is_built(known: Stack) -> None:
    stderr = run(known, "reembed", "--abandon", code=1).stderr
    assert stderr.splitlines() == ["Not found. No index is being built."]


def test_what_is_there_already_is_not_built_again(known: Stack) -> None:
    stderr = run(known, "reembed", code=1).stderr
    assert "The documents are indexed with local wordllama in pgvector already." in stderr
    assert len(stderr.splitlines()) == 1


def test_no_index_is_begun_with_a_model_or_a_store_that_cannot_be_reached(known: Stack) -> None:
    away = {"VECTOR_STORE": "qdrant", "QDRANT_URL": "http://127.0.0.1:1"}
    missing = {"VECTOR_STORE": "qdrant"}
    for environment, said in ((UNREACHABLE, "cannot be reached"), (away, "Qdrant"), (missing, "QDRANT_URL")):
        with set_for(known, **environment) as other:
            stderr = run(other, "reembed", code=1).stderr
            assert said in stderr
            assert len(stderr.splitlines()) == 1
    assert list_indexes(known) == [("active", "wordllama")]


def test_options_that_exclude_each_other_are_bad_usage(settings: Settings) -> None:
    usages = [
        "reembed --status --abandon",
        "reembed --status --wait",
        "reembed --abandon --wait",
        "reembed now",
        "reembed --refuse-worse 0.1",
        "reembed --status --questions 1",
        "reembed --questions 1 --refuse-worse 2",
        "doctor --fix",
    ]
    with Stack(settings) as stack, ThreadPoolExecutor(3) as threads:
        for done in threads.map(lambda usage: run(stack, *usage.split(), code=2), usages):
            assert done.stderr
            assert "Traceback" not in done.stderr


def test_the_doctor_names_the_index_and_says_how_settings_and_index_are_brought_together(known: Stack) -> None:
    index = diagnose(known, 1)["index"]  # 1: no worker runs
    assert (index["ok"], index["detail"]) == (True, "local wordllama in pgvector")
    index_a_document(known.settings.database_url)
    with set_for(known, **MINILM) as other:
        checks = diagnose(other, 1)
    assert checks["settings"]["ok"]
    assert checks["database"]["ok"]
    assert not checks["index"]["ok"]
    assert "the settings ask for local minilm" in checks["index"]["detail"]
    assert "./sluice reembed" in checks["index"]["remedy"]


def test_the_doctor_names_the_setting_that_is_missing_before_all_else(known: Stack) -> None:
    missing = (("OPENAI_CHAT_MODEL", "gpt-4o-mini", "OPENAI_API_KEY"), ("VECTOR_STORE", "qdrant", "QDRANT_URL"))
    for name, value, lacking in missing:
        with set_for(known, **{name: value}) as other:
            checks = diagnose(other, 1)
        assert not checks["settings"]["ok"]
        assert name in checks["settings"]["detail"]
        assert lacking in checks["settings"]["detail"]
        assert "database" not in checks, "which is not at fault"


def test_a_provider_that_is_down_is_named_by_the_doctor_and_the_queue_page(known: Stack) -> None:
    known.start_api()
    assert run_json(known, "queues")["providers"] == []
    assert "providers" not in diagnose(known, 1)
    execute(
        str(known.settings.database_url),
        "INSERT INTO providers (name, failures, down_since, ask_at, reason) VALUES"
        " ('openai-embeddings', 5, now(), now() + interval '1 minute', 'It is out of breath.'),"
        " ('pinecone', 0, NULL, now() + interval '1 minute', 'Slower, please.'),"
        " ('qdrant', 2, NULL, NULL, 'Two failures, and it is asked all the same.')",
    )
    listed = run_json(known, "queues")["providers"]
    assert [(provider["name"], provider["reason"]) for provider in listed] == [
        ("openai-embeddings", "It is out of breath."),
        ("pinecone", "Slower, please."),
    ]
    told = run(known, "queues")
    assert "high_" in told.stdout
    lines = [line for line in told.stderr.splitlines() if line.startswith("Work for ")]
    assert [line.split(" waits until ")[0] for line in lines] == ["Work for openai-embeddings", "Work for pinecone"]
    assert lines[0].endswith("Z: It is out of breath.")
    provider = diagnose(known, 1)["providers"]
    assert not provider["ok"]
    assert "docs/providers.md" in provider["remedy"]
