import logging
from pathlib import Path

import pytest

from app.settings import Settings
from tests.deadlines import deadline
from tests.fuzz.installation import FuzzedStack
from tests.fuzz.plan import Options
from tests.fuzz.run import run


@pytest.mark.slow
def test_hostile_files_harm_only_their_own_tasks(settings: Settings, tmp_path: Path) -> None:
    options = Options(files=120, seed=1, time_limit=deadline(5.0), patience=60.0, most_bytes=60_000)
    with FuzzedStack(settings, tmp_path, options) as stack:
        stack.start_api()
        stack.start_workers()
        report = run(stack, options, None, logging.getLogger(__name__).info)
    assert report.is_clean, str(report)
    assert (report.files, report.deaths) == (120, 0)
