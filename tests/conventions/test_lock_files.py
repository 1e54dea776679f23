"""Lock files hold exact versions with hashes, name no registry and contain the optional packages."""

import re
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_OF_EXTRAS = sorted(str(lock.relative_to(_ROOT)) for lock in (_ROOT / "extras").iterdir())
_LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-minilm.lock",
    "benchmarks/requirements-peers.txt",
    *_OF_EXTRAS,
)
_PIN = re.compile(r"([a-z0-9-]+)==([^ ]+)(?: ; [^\\]+?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")

_EXTRAS: dict[str, list[str]] = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"][
    "optional-dependencies"
]
_LEFT_OUT = {"sentence-transformers", "ocr"}
"""The extras that requirements-dev.lock does not contain. The first one needs torch, and its libraries for GPUs. The
second one switches OCR on; the Makefile installs it in a folder of its own."""


def _pins(name: str) -> set[str]:
    return {f"{package}=={version}" for package, version, _ in _PIN.findall((_ROOT / name).read_text())}


@pytest.mark.parametrize("name", _LOCKS)
def test_a_lock_holds_nothing_but_pins_with_hashes(name: str) -> None:
    rest = _PIN.sub("", (_ROOT / name).read_text())
    assert rest == "", "an address, an option or a pin without a hash"


def test_the_lock_of_the_tests_holds_the_versions_that_run() -> None:
    assert _pins("requirements.lock") <= _pins("requirements-dev.lock")


@pytest.mark.parametrize("name", _OF_EXTRAS)
def test_the_lock_of_an_extra_holds_the_versions_that_the_tests_use(name: str) -> None:
    versions = _list_versions("requirements-dev.lock")
    shared = {package: pins for package, pins in _list_versions(name).items() if package in versions}
    assert shared == {package: versions[package] for package in shared}, "run `make lock`"


def test_celery_is_the_version_that_survives_a_restart_of_redis() -> None:
    assert {"celery==5.6.3", "kombu==5.6.2"} <= _pins("requirements.lock")


@pytest.mark.parametrize("extra", sorted(_EXTRAS.keys() - _LEFT_OUT))
def test_the_lock_of_the_tests_contains_every_extra(extra: str) -> None:
    assert _list_packages(extra) - _list_pinned("requirements-dev.lock") == set(), (
        "add it to the extra dev; `make lock`"
    )


def test_every_extra_for_users_has_a_lock_file() -> None:
    assert {f"extras/{extra}.lock" for extra in _EXTRAS.keys() - {"dev"}} == set(_OF_EXTRAS), "run `make lock`"


@pytest.mark.parametrize("name", _OF_EXTRAS)
def test_the_lock_of_an_extra_contains_its_requirements(name: str) -> None:
    assert _list_packages(Path(name).stem) - _list_pinned(name) == set(), "run `make lock`"


def _list_packages(extra: str) -> set[str]:
    return {re.split(r"[<>=[ ]", requirement)[0].lower() for requirement in _EXTRAS[extra]}


def _list_pinned(name: str) -> set[str]:
    return {pin.partition("==")[0] for pin in _pins(name)}


def _list_versions(name: str) -> dict[str, set[str]]:
    versions: dict[str, set[str]] = {}
    for pin in _pins(name):
        versions.setdefault(pin.partition("==")[0], set()).add(pin)
    return versions
