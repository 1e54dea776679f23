"""A small repository for tests, as the archive of a forge has it: in one folder."""

GATES = b'''"""Gates."""

from weir.gauges.level import read_level


class Gate:
    """A gate of the weir."""

    def open(self, width: float) -> None:
        """Open the gate by so many metres."""
'''
LEVEL = b'''"""Levels."""

import os


def read_level() -> float:
    """Read the height of the water in metres."""
    return float(os.environ["WEIR_LEVEL"])
'''
PYPROJECT = b"""[project]
name = "weir"
dependencies = ["httpx>=0.27"]

[project.scripts]
weir = "weir.main:run"
"""
SOURCES = {
    "weir-main/README.md": b"# Weir\n\nWeir opens and closes gates by the height of the water.\n",
    "weir-main/pyproject.toml": PYPROJECT,
    "weir-main/weir/__init__.py": b'"""Gates, and the gauges that move them."""\n',
    "weir-main/weir/gates.py": GATES,
    "weir-main/weir/gauges/__init__.py": b"",
    "weir-main/weir/gauges/level.py": LEVEL,
    "weir-main/node_modules/x/index.js": b"module.exports = 1;\n",
    "weir-main/logo.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
}
OVERVIEW = "weir Repository Overview.md"
DOCUMENTS = {
    OVERVIEW,
    "weir/README.md",
    "weir/pyproject.toml",
    "weir/weir/__init__.py",
    "weir/weir/gates.py",
    "weir/weir/gauges/level.py",
}
"""The documents that it becomes: those of the files without content are left out."""
CLAIMS = (
    "Weir opens and closes gates by the height of the water. (`README.md:3`)",
    "- `weir` - 2 files, 11 lines: Gates, and the gauges that move them. (`weir/__init__.py:1`)",
    "- `weir`: command, runs weir.main:run (`pyproject.toml:6`)",
    "- `httpx` - \\>=0.27, runtime (`pyproject.toml:3`)",
    "- `WEIR_LEVEL` (`weir/gauges/level.py:8`)",
    "- vendored: in node_modules/ - 1 file",
)
