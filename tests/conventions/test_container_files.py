"""The container files are consistent, as far as a test can check without a container engine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

_ROOT = Path(__file__).parents[2]
_TEXT = (_ROOT / "docker-compose.yml").read_text()
_COMPOSE: dict[str, Any] = yaml.safe_load(_TEXT)
_SERVICES: dict[str, dict[str, Any]] = _COMPOSE["services"]
_OURS = sorted(name for name, service in _SERVICES.items() if service["image"] == "sluice")
_DOCKERFILE = (_ROOT / "Dockerfile").read_text()
_COPY = re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE)
_SETTINGS = {name.upper() for name in Settings.model_fields}


def test_the_parts_of_the_stack_are_there() -> None:
    assert set(_SERVICES) == {"postgres", "redis", "qdrant", "api", "celery-worker", "celery-beat", "flower"}
    assert _OURS == ["api", "celery-beat", "celery-worker", "flower"]


@pytest.mark.parametrize("name", _OURS)
def test_a_part_sets_only_variables_that_exist(name: str) -> None:
    assert set(_SERVICES[name]["environment"]) <= _SETTINGS


def test_the_file_asks_only_for_variables_that_exist() -> None:
    assert set(re.findall(r"\$\{([A-Z_]+)", _TEXT)) <= _SETTINGS | {"POSTGRES_PASSWORD"}


@pytest.mark.parametrize("name", _OURS)
def test_a_part_waits_for_one_whose_health_is_watched(name: str) -> None:
    waits = _SERVICES[name]["depends_on"]
    assert all(wait == {"condition": "service_healthy"} for wait in waits.values())
    assert all(awaited == "api" or "test" in _SERVICES[awaited]["healthcheck"] for awaited in waits)


def test_every_volume_is_declared_and_used() -> None:
    used = {mount.split(":")[0] for service in _SERVICES.values() for mount in service.get("volumes", [])}
    assert used == set(_COMPOSE["volumes"])


def test_ports_are_published_to_this_machine_alone() -> None:
    published = [port for service in _SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_image_is_built_from_files_that_exist() -> None:
    copied = _COPY.findall(_DOCKERFILE)
    missing = [source for line in copied for source in line.split() if not (_ROOT / source).exists()]
    assert missing == []


def test_the_image_runs_as_an_unprivileged_user() -> None:
    users = re.findall(r"^USER (\S+)$", _DOCKERFILE, re.MULTILINE)
    assert users == ["sluice"]


def test_the_build_receives_exactly_the_files_that_the_image_copies() -> None:
    sent = set(re.findall(r"^!(\S+)$", (_ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = _COPY.findall(_DOCKERFILE)
    assert sent == {source for line in copied for source in line.split()}


def test_the_image_contains_extras_that_exist_and_no_embedded_engines() -> None:
    arguments = dict(re.findall(r'^ARG (\w+)="?([^"\n]*)"?$', _DOCKERFILE, re.MULTILINE))
    assert all((_ROOT / "extras" / f"{extra}.lock").is_file() for extra in arguments["EXTRAS"].split())
    assert arguments["EMBEDDED_ENGINES"] == "false"
    removed = re.findall(r"uninstall -y (.+)$", _DOCKERFILE, re.MULTILINE)[0].split()
    requirements = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert set(removed) <= {re.split(r"[<>=[ ]", requirement)[0] for requirement in requirements}


def test_the_compose_file_names_the_version_of_compose_that_it_needs_and_where_the_api_key_appears() -> None:
    """``required`` below ``env_file`` is an error for Docker Compose before 2.24."""
    assert {"path": ".env", "required": False} in _SERVICES["api"]["env_file"]
    introduction = _TEXT.partition("name: sluice")[0]
    for stated in ("Docker Compose 2.24 or later", "docker compose logs api", "BOOTSTRAP_API_KEY"):
        assert stated in introduction
