"""Tasks that concern an organization as a whole, or the installation."""

from app.domain.tasks import TaskName

ORGANIZATION_TASKS: frozenset[TaskName] = frozenset(
    {
        TaskName.SUM_USAGE,
        TaskName.DELIVER_EVENT,
        TaskName.SUBMIT_REPORTS,
        TaskName.MAKE_REPORT,
        TaskName.SEND_MAIL,
        TaskName.ENRICH_DUE_PROFILES,
        TaskName.SUBMIT_RETENTION,
        TaskName.APPLY_RETENTION,
        TaskName.SWEEP_STORAGE,
        TaskName.MAIL_DEAD_LETTERS,
        TaskName.IMPORT_AGENTS,
        TaskName.CREATE_AGENTS,
        TaskName.REPORT_AGENTS,
    }
)
"""They run under an internal agent, which no client sees: responses name no agent for them, and their ends are no
events.
"""


def name_agent(task_name: str, agent_id: int) -> int | None:
    """The agent of a task as clients see it; None for a task of an organization."""
    return None if task_name in ORGANIZATION_TASKS else agent_id
