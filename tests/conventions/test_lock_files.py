"""Lock files hold exact versions with hashes and name no registry."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_LOCKS = ("requirements.lock", "requirements-services.lock", "requirements-dev.lock", "requirements-minilm.lock")
_PIN = re.compile(r"([a-z0-9-]+)==([^ ]+)(?: ; [^\\]+?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


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
