"""Every command that a page shows in a block marked ``bash`` runs, copied out of the page, in a bare shell."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deadlines import deadline
from tests.docs.pages import PAGES, ROOT, read_commands
from tests.running import Stack

_SHOWN = {
    "README.md": ["1.42 metres", "operations-handbook.pdf"],
    "tour.md": ["event: progress", "event: end", "duplicate_of", "1.42 metres", "no_extractable_text"],
    "recipes.md": ["The gate opens at ten."],
}
"""Texts that the output of a page must contain."""
_OF_OTHER_TESTS = {"upgrade.md"}
_RUN = [page for page in PAGES if read_commands(page) and page.name not in _OF_OTHER_TESTS]


@pytest.mark.parametrize(
    "page",
    # The README's commands run in every test run.
    [pytest.param(page, marks=[] if page.name == "README.md" else pytest.mark.slow) for page in _RUN],
    ids=[str(page.relative_to(ROOT)) for page in _RUN],
)
def test_the_commands_of_a_page_run_as_they_are_printed(page: Path, shared_stack: Stack, tmp_path: Path) -> None:
    if not (ROOT / ".venv").exists() or not shutil.which("curl"):
        pytest.skip("needs .venv, which ./sluice uses, and curl")
    for name in ("sluice", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["bash", "--norc", "-e", "-u", "-o", "pipefail"],
        input=read_commands(page).replace("localhost:8000", f"127.0.0.1:{shared_stack.port}"),
        cwd=tmp_path,
        env={**shared_stack.environment, "HOME": str(tmp_path), "PATH": os.defpath + ":" + os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=deadline(150),
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for text in _SHOWN.get(page.name, []):
        assert text in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_symlink() is False) == [], (
        "a page leaves no files"
    )
