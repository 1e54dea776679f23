"""``doctor --vectors``: compares the vector index with the documents."""

import sys
from dataclasses import asdict

from app.cli.local.session import Session, run
from app.cli.output import print_json, print_table, say
from app.domain.counting import count_of
from app.services.indexing.consistency import AgentReport

_COLUMNS = ("agent_id", "chunks", "vectors", "missing", "orphans", "stale")


def check_vectors(*, fix: bool, as_json: bool) -> None:
    """Compare the active index with the documents, agent by agent. Exits with 1 if they differ and are not fixed.

    Args:
        fix: Remove orphans, and queue tasks that embed missing chunks again.
        as_json: Print JSON.
    """

    async def work(session: Session) -> list[AgentReport]:
        index = await session.services.indexing.vectors.get_active()
        reports = [report async for report in session.services.indexing.consistency.report(index)]
        for report in reports:
            if fix and not report.consistent:
                await session.services.indexing.consistency.repair(index, report)
                await session.record("doctor --vectors --fix", f"agent:{report.agent_id}")
        return reports

    reports = run(work, any_index=True)
    if as_json:
        print_json({"agents": [{**asdict(report), "consistent": report.consistent} for report in reports]})
    else:
        print_table(_COLUMNS, [[getattr(report, column) for column in _COLUMNS] for report in reports])
    wrong = sum(not report.consistent for report in reports)
    if fix and wrong:
        say(f"{count_of(wrong, 'agent')} differed. Orphans are removed; the workers will embed missing chunks again.")
    elif wrong:
        say(f"Agents that differ: {wrong}. To fix them: ./sluice doctor --vectors --fix")
        sys.exit(1)
