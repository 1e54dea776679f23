"""Every name that the code declares is used: a task by a Celery task, a setting by the code that reads it."""

import ast
from importlib import import_module
from pathlib import Path

from app.celery_app import _TASK_MODULES, create_celery
from app.domain.tasks import TaskName
from app.services.queue.parents import _NEVER_RUN
from app.settings import Settings, load_settings

_APP = Path(__file__).parents[2] / "app"
_SETTINGS_NAMES = {"settings", "_settings", "resolved", "given"}
"""The names of variables and attributes that hold the settings."""

_PROPERTIES = {"max_upload_bytes": "max_upload_mb"}
"""The properties of the settings that convert one of them."""


def _get_name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_every_task_name_has_a_celery_task() -> None:
    for module in _TASK_MODULES:
        import_module(module)
    celery = create_celery(load_settings(redis_url="redis://127.0.0.1:1/0", _env_file=None))
    celery.finalize()
    assert {name.value for name in TaskName} - set(celery.tasks) == {name.value for name in _NEVER_RUN}


def test_every_setting_is_read() -> None:
    read = {
        node.attr
        for path in _APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and _get_name(node.value) in _SETTINGS_NAMES
    }
    converted = {setting for name, setting in _PROPERTIES.items() if name in read}
    assert set(Settings.model_fields) - read - converted == set()
