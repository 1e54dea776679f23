"""The OpenAPI document as a file: ``python -m app.api.openapi`` writes ``docs/openapi.json``."""

import json
from pathlib import Path

from app.api.application import create_app
from app.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def render() -> str:
    """The document of the default settings, independent of the environment."""
    return json.dumps(create_app(Settings.model_construct()).openapi(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), "utf-8")
