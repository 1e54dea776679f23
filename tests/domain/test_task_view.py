"""The public fields of a task name its agent, unless the task concerns the whole organization."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.organization_tasks import ORGANIZATION_TASKS
from app.domain.states import State
from app.domain.task_view import describe
from app.domain.tasks import Task, TaskName

_NOW = datetime.now(UTC)


def make_task(name: str) -> Task:
    given: dict[str, Any] = dict.fromkeys(Task.__dataclass_fields__)
    given |= {"name": name, "agent_id": 7, "state": State.PENDING, "metadata": {}, "stages": [], "created_at": _NOW}
    return Task(**given)


@pytest.mark.parametrize("name", TaskName)
def test_a_task_of_an_organization_has_no_agent(name: TaskName) -> None:
    assert describe(make_task(name))["agent_id"] == (None if name in ORGANIZATION_TASKS else 7)
