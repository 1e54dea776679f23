"""The sessions that hold a transaction open without a statement, and how many other sessions wait for each."""

from tests.chaos.ledger import Ledger

_BLOCKERS = """
    SELECT b.usename AS role, b.state, b.query, extract(epoch FROM clock_timestamp() - b.xact_start) AS seconds,
           (SELECT count(*) FROM pg_stat_activity AS w WHERE b.pid = ANY (pg_blocking_pids(w.pid))) AS waiting
    FROM pg_stat_activity AS b
    WHERE b.backend_type = 'client backend' AND b.wait_event_type = 'Client'
      AND b.xact_start < clock_timestamp() - interval '1 second'
    ORDER BY b.xact_start
"""


def describe_blockers(ledger: Ledger) -> list[str]:
    """One line for each such session. Statements with SKIP LOCKED do not wait; they skip its rows."""
    return [
        f"{row['role']} has a transaction open for {row['seconds']:.1f} s, for which {row['waiting']} sessions wait; "
        f"it is {row['state']}: {' '.join(row['query'].split())[:160]}"
        for row in ledger.look(_BLOCKERS) or []
    ]
