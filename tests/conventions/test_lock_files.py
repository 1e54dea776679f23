"""Lock files hold exact versions with hashes, name no registry and contain the optional packages."""

import re
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LOCKS = ("requirements.lock", "requirements-services.lock", "requirements-dev.lock", "requirements-minilm.lock")
_PIN = re.compile(r"([a-z0-9-]+)==([^ ]+)(?: ; [^\\]+?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")

_EXTRAS: dict[str, list[str]] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
_NOT_LOCKED = {"sentence-transformers"}
"""The extras that no lock file contains. This one needs torch, which has other builds for each platform."""
_FOR_TESTS = {"dev", "minilm"}
"""The extras that only requirements-dev.lock contains."""


def _pins(name: str) -> set[str]:
    return {f"{package}=={version}" for package, version, _ in _PIN.findall((_ROOT / name).read_text())}


@pytest.mark.parametrize("name", _LOCKS)
def test_a_lock_holds_nothing_but_pins_with_hashes(name: str) -> None:
    rest = _PIN.sub("", (_ROOT / name).read_text())
    assert rest == "", "an address, an option or a pin without a hash"


@pytest.mark.parametrize("name", ["requirements-services.lock", "requirements-dev.lock"])
def test_a_larger_lock_holds_the_versions_that_run(name: str) -> None:
    assert _pins("requirements.lock") <= _pins(name)


def test_celery_is_the_version_that_survives_a_restart_of_redis() -> None:
    assert {"celery==5.6.3", "kombu==5.6.2"} <= _pins("requirements.lock")


@pytest.mark.parametrize("extra", sorted(_EXTRAS.keys() - _NOT_LOCKED))
def test_the_lock_of_the_tests_contains_every_extra(extra: str) -> None:
    assert _list_packages(extra) - _list_pinned("requirements-dev.lock") == set(), (
        "add it to the extra dev; `make lock`"
    )


@pytest.mark.parametrize("extra", sorted(_EXTRAS.keys() - _NOT_LOCKED - _FOR_TESTS))
def test_the_lock_of_the_services_contains_every_extra(extra: str) -> None:
    assert _list_packages(extra) - _list_pinned("requirements-services.lock") == set(), "run `make lock`"


def test_the_lock_of_the_services_is_made_with_every_extra() -> None:
    recipe = (_ROOT / "Makefile").read_text().partition("requirements-services.lock")[0].rpartition("$(COMPILE)")[2]
    assert set(re.findall(r"--extra ([a-z0-9-]+)", recipe)) == _EXTRAS.keys() - _NOT_LOCKED - _FOR_TESTS


def _list_packages(extra: str) -> set[str]:
    return {re.split(r"[<>=[ ]", requirement)[0].lower() for requirement in _EXTRAS[extra]}


def _list_pinned(name: str) -> set[str]:
    return {pin.partition("==")[0] for pin in _pins(name)}
