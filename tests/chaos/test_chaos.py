import logging
from pathlib import Path

import pytest

from tests.chaos.plan import Kind, Options
from tests.chaos.run import run
from tests.deadlines import deadline


@pytest.mark.slow
@pytest.mark.timeout(300)  # twenty processes are started again and again
def test_nothing_is_lost_doubled_or_stuck_when_every_part_is_killed_in_the_midst_of_work(tmp_path: Path) -> None:
    options = Options(tasks=150, kills=len(Kind), seed=1, minutes=deadline(3), folder=tmp_path)
    report = run(options, logging.getLogger(__name__).info)
    assert report.is_clean, str(report)
    assert (report.accepted, report.kills.total(), report.missed) == (150, len(Kind), [])
