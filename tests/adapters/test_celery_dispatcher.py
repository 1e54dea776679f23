"""The dispatcher of task events: an event that is added while others are published is published next."""

from typing import Any

import pytest

from app.celery_app import create_celery
from app.settings import Settings


@pytest.fixture
def dispatcher() -> Any:
    """A dispatcher that buffers task events, as a worker's does."""
    celery = create_celery(Settings(_env_file=None, redis_url="redis://localhost:1/0"))
    return celery.events.Dispatcher(enabled=False, hostname="low@host", buffer_group=["task"])


def _record(dispatcher: Any, monkeypatch: pytest.MonkeyPatch, *, amid: str | None = None) -> list[str]:
    """The types of the events that are published; ``amid`` is sent while the first ones are published."""
    published, pending = list[str](), [amid] if amid else []

    def publish(events: list[dict[str, Any]], _producer: Any, routing_key: str) -> None:
        assert routing_key == "task.multi"
        published.extend(event["type"] for event in events)
        if pending:
            dispatcher.send(pending.pop(), uuid="1")

    monkeypatch.setattr(dispatcher, "_publish", publish)
    monkeypatch.setattr(dispatcher, "enabled", True)
    return published


def test_an_event_that_a_thread_sends_while_others_are_published_is_not_lost(
    dispatcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = _record(dispatcher, monkeypatch, amid="task-started")
    dispatcher.send("task-received", uuid="1")

    dispatcher.flush()
    dispatcher.flush()

    assert published == ["task-received", "task-started"]


def test_a_published_event_is_not_published_again(dispatcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    published = _record(dispatcher, monkeypatch)
    dispatcher.send("task-received", uuid="1")

    dispatcher.flush()
    dispatcher.flush()

    assert published == ["task-received"]
