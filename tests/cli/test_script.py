"""The script ``./sluice``, and ``main.py`` with a Python that lacks the packages."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deadlines import deadline
from tests.running import ROOT

_PROGRAM = "import json, os, sys; print(json.dumps([os.getpid(), os.getcwd(), sys.argv]))"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, a ``.venv`` and a ``main.py`` that prints how it was started."""
    folder = tmp_path / "a checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (folder / "main.py").write_text(_PROGRAM)
    shutil.copy(ROOT / "sluice", folder)
    return folder


def test_the_script_runs_main_with_the_python_of_venv_from_any_folder(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "sluice"
    link.symlink_to("../a checkout/sluice")
    for script in (checkout / "sluice", link):
        with subprocess.Popen([script, "upload", "a b.txt", "$x"], cwd=tmp_path, stdout=subprocess.PIPE) as program:
            output, _ = program.communicate(timeout=deadline(30))
        pid, folder, arguments = json.loads(output)
        # The same process id: signals reach Python. The same folder: relative file names are the caller's.
        assert (pid, folder) == (program.pid, str(tmp_path))
        assert arguments == [str(checkout / "main.py"), "upload", "a b.txt", "$x"]


def test_the_script_without_venv_says_what_to_run(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    done = subprocess.run([checkout / "sluice", "up"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Run `make setup` in {checkout} first: .venv is missing.\n"


def test_main_with_a_python_without_the_packages_says_what_to_run() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "main.py", "up"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "`make setup`" in line
    assert "./sluice" in line
