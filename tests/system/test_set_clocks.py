"""The clock of the machine was set back, or another machine's clock is ahead: lists of tasks show new ones first."""

import time
from uuid import UUID, uuid4

from tests.running import Stack
from tests.system.test_killed_processes import make_text

HOUR = 3_600_000


def add_task_of_the_future(stack: Stack, agent: int, hours: int) -> str:
    """Insert a failed task as a machine whose clock is ahead would; returns its id."""
    milliseconds = time.time_ns() // 1_000_000 + hours * HOUR
    task_id = UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | uuid4().int % 2**62)
    stack.fetch(
        "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, completed_at, dead_lettered_at) "
        "SELECT $1, organization_id, id, 'app.tasks.upkeep_tasks.ping', 'default', 'FAILURE', now(), now() "
        "FROM agents WHERE id = $2",
        task_id,
        agent,
    )
    return str(task_id)


def list_tasks(stack: Stack, path: str = "/tasks/") -> list[str]:
    """Walk all pages, two tasks each."""
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = stack.get(path, limit=2, **after)
        found += [task["task_id"] for task in page.get("tasks") or page["dead_letters"]]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def test_new_tasks_are_listed_first_after_the_clock_was_set_back(stack: Stack) -> None:
    stack.start_api()
    agent = stack.make_agent()
    expected = [add_task_of_the_future(stack, agent, hours=1)]
    stack.stop(stack.api)
    stack.start_api()  # a process that has read no task
    for number in range(4):
        expected.insert(0, stack.upload(agent, f"{number}.txt", make_text(number))["task_id"])
    assert list_tasks(stack) == expected
    expected.insert(0, add_task_of_the_future(stack, agent, hours=2))  # by another machine, while this process runs
    assert list_tasks(stack) == expected
    expected.insert(0, stack.upload(agent, "last.txt", make_text(9))["task_id"])
    assert list_tasks(stack) == expected
    assert list_tasks(stack, "/dead-letters") == [expected[1], expected[-1]]
