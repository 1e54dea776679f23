"""No page, message or file tells users to install packages by a name on PyPI, where ``sluice`` is another project."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
_PAGES = [*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), *(_ROOT / ".github").rglob("*.md")]
_CODE = [path for folder in ("app", "migrations", "benchmarks") for path in (_ROOT / folder).rglob("*.py")]
_FILES = [
    *_PAGES,
    *_CODE,
    *(_ROOT / name for name in (".env.example", "docker-compose.yml", "main.py", "pyproject.toml")),
]
_INSTALL = re.compile(r"\b(?:pipx?3?|uvx?|poetry|conda)(?: tool)? (?:install|add|run)\b.*")
_DISTRIBUTION = re.compile(r"\bsluice\[[^\]]*\]")


def test_the_name_of_the_distribution_is_not_one_of_another_project() -> None:
    assert _PROJECT["name"] != "sluice", "on PyPI, sluice is another project"
    assert "Private :: Do Not Upload" in _PROJECT["classifiers"], "PyPI refuses an upload with this classifier"


def test_no_page_or_message_installs_a_package_by_its_name() -> None:
    found = {
        (str(file.relative_to(_ROOT)), *phrases)
        for file in _FILES
        if (phrases := [*_INSTALL.findall(file.read_text()), *_DISTRIBUTION.findall(file.read_text())])
    }
    # One benchmark compares with a package that is no extra.
    assert {name for name, *_ in found} <= {"benchmarks/parsing/quality.py"}, f'say `make extras EXTRAS="…"`: {found}'


def test_pages_and_messages_run_commands_with_the_script_that_needs_no_activated_environment() -> None:
    found = {str(file.relative_to(_ROOT)) for file in _FILES if re.search(r"python3? main\.py", file.read_text())}
    assert found == set(), "write ./sluice"


def test_make_extras_lists_the_extras_and_refuses_an_unknown_one(tmp_path: Path) -> None:
    shutil.copy(_ROOT / "Makefile", tmp_path)
    (tmp_path / "extras").mkdir()
    (tmp_path / "extras" / "s3.lock").touch()

    def make(*arguments: str) -> tuple[int, str, str]:
        # Not as a part of the make that runs the tests, whose options are in the environment.
        own = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
        done = subprocess.run(["make", *arguments], cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert make("extras") == (0, 'Choose from: make extras EXTRAS="s3"\n', "")
    code, _, stderr = make("extras", "EXTRAS=s4")
    assert code == 2
    assert 'Unknown: s4. Choose from: make extras EXTRAS="s3"' in stderr
