"""Stages: what a statement adds to ``tasks.stages`` for the reports of an attempt, which may be several at once.

An attempt that no client watches keeps its reports for up to half a second. The statement that writes them, a report or
the end of the task, receives them as the parameter ``reports``, which ``describe_reports`` makes.
"""

import time
from collections.abc import Sequence
from typing import Any

from app.domain.tasks import Progress

REPORT_COUNT = "jsonb_array_length(CAST(:reports AS jsonb))"
"""The number of reports. Each raises ``version``, as it would if it were written by itself."""

LATEST_STAGE = "coalesce(CAST(:reports AS jsonb) -> -1 ->> 'name', t.stage)"
"""The stage of the last report; without reports, the stage that the row has."""

# An entry for each report whose stage differs from that of the report before it.
ADD_STAGES = """
    stages = CASE WHEN CAST(:reports AS jsonb) = '[]' THEN t.stages ELSE t.stages || (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', r.name, 'at', clock.now - r.age, 'version', t.version + r.number,
            'current', r.current, 'status', r.status) ORDER BY r.number), '[]')
        FROM (
            SELECT given.*, lag(given.name, 1, t.stage) OVER (ORDER BY given.number) AS former
            FROM ROWS FROM (jsonb_to_recordset(CAST(:reports AS jsonb)) AS (
                name text, current integer, status text, age bigint
            )) WITH ORDINALITY AS given (name, current, status, age, number)
        ) AS r
        CROSS JOIN (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS now) AS clock
        WHERE r.name IS DISTINCT FROM r.former) END"""


def describe_reports(reports: Sequence[Progress]) -> list[dict[str, Any]]:
    """The reports as the statements expect them, with their ages in milliseconds.

    An age, not a time: the times of a task's row are by the database's clock.
    """
    now = time.monotonic()
    return [
        {
            "name": report.stage,
            "current": report.current,
            "status": report.status,
            "age": int((now - report.reported_at) * 1000),
        }
        for report in reports
    ]
