"""Messages about missing optional packages."""

import sys
from pathlib import Path

import pytest

from app.adapters.packages import _EXTRAS, find_package, optional_imports, require_packages
from app.domain.errors import StartupError


def test_a_failed_import_names_the_package_on_pypi_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(StartupError) as raised, optional_imports("VECTOR_STORE=qdrant"):
        import qdrant_client.models  # noqa: F401, PLC0415
    assert raised.value.message.endswith(
        "VECTOR_STORE=qdrant needs the package qdrant-client. To install: make extras EXTRAS=qdrant"
    )


def test_a_missing_package_of_no_extra_is_installed_with_sluice_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match=r"needs the package wordllama\. To install: make clean setup$"):
        find_package("EMBEDDING_MODEL=wordllama", "wordllama")


def test_several_missing_packages_are_named_together() -> None:
    with pytest.raises(StartupError, match="needs the packages no-such-one, no-such-two"):
        require_packages("A setting", "no_such_one", "sys", "no_such_two")


def test_a_package_whose_name_on_pypi_differs_is_named_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.packages.find_spec", lambda _: None)
    with pytest.raises(StartupError, match="needs the package firecrawl-py"):
        find_package("FIRECRAWL_API_KEY", "firecrawl")


def test_the_folder_of_an_installed_package_is_found() -> None:
    assert (find_package("A test", "celery") / "__init__.py").is_file()


def test_every_extra_of_a_missing_package_has_a_lock_file() -> None:
    locks = {lock.stem for lock in (Path(__file__).parents[2] / "extras").glob("*.lock")}
    without_setting = {"flower", "sevenzip"}  # no start can fail for want of them
    assert set(_EXTRAS.values()) | without_setting == locks
