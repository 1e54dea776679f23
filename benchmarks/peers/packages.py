"""Packages that only the compared systems use, in a folder of their own: no installation of Sluice contains them.

Licences: openpyxl, python-pptx, Beautiful Soup, soupsieve, arq, taskiq, taskiq-redis, procrastinate, hiredis, croniter,
pycron and Pillow have permissive ones (MIT, BSD, MIT-CMU); psycopg and dramatiq are LGPL.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.harness.stack import ROOT

FOLDER = ROOT / "var" / "peers"
_STAMP = FOLDER / "requirements-peers.txt"
_PINS = Path(__file__).parents[1] / "requirements-peers.txt"


def install_peers() -> Path:
    """Install the pinned packages unless that was done before; returns the folder for PYTHONPATH."""
    if not is_installed():
        print(f"Installing the packages of the compared systems into {FOLDER}", flush=True)
        options = ("-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--upgrade")
        command = (sys.executable, "-m", "pip", "install", *options, "--target", str(FOLDER), "-r", str(_PINS))
        subprocess.run(command, check=True)
        _STAMP.write_bytes(_PINS.read_bytes())
    return FOLDER


def is_installed() -> bool:
    """Whether the folder has the pinned versions."""
    return _STAMP.exists() and _STAMP.read_bytes() == _PINS.read_bytes()


def read_pins() -> dict[str, str]:
    """The versions of the pinned packages, by name."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", _PINS.read_text(), re.MULTILINE))
