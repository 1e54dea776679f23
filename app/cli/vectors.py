"""What ``doctor --vectors`` prints: whether the index of vectors holds what it should, and nothing else."""

import sys
from dataclasses import asdict

from app.cli.session import Session, print_json, print_table, run
from app.cli.stack import say
from app.services.indexing.consistency import AgentReport

_COLUMNS = ("agent_id", "chunks", "vectors", "missing", "orphans", "stale")


def check_vectors(*, mend: bool, as_json: bool) -> None:
    """Compare the active index with the documents, agent by agent; exits with 1 where they differ and stay so.

    Args:
        mend: Remove orphans, and have embedded again what is missing, which workers then do.
        as_json: Print JSON.
    """

    async def work(session: Session) -> list[AgentReport]:
        index = await session.services.indexing.vectors.get_active()
        reports = [report async for report in session.services.indexing.consistency.report(index)]
        for report in reports:
            if mend and not report.consistent:
                await session.services.indexing.consistency.repair(index, report)
        return reports

    reports = run(work, any_index=True)
    if as_json:
        print_json({"agents": [{**asdict(report), "consistent": report.consistent} for report in reports]})
    else:
        print_table(_COLUMNS, [[getattr(report, column) for column in _COLUMNS] for report in reports])
    wrong = sum(not report.consistent for report in reports)
    if mend and wrong:
        say(f"{wrong} agents: orphans are removed, and what is missing will be embedded again by the workers.")
    elif wrong:
        say(f"{wrong} agents differ. Mend them: python main.py doctor --vectors --mend")
        sys.exit(1)
