"""Time of ``./sluice demo`` from start to end, with everything installed."""

import subprocess
import sys
import time

from app.settings import load_settings
from benchmarks.harness.stack import ROOT, list_environment, make_folder
from benchmarks.report.figures import Figure


def measure() -> list[Figure]:
    """One run to warm the caches, then a measured run."""
    with make_folder() as folder:
        environment = list_environment(load_settings(data_dir=folder, _env_file=None))
        environment = {name: value for name, value in environment.items() if value and name != "DATA_DIR"}
        for _ in range(2):
            began = time.monotonic()
            command = [sys.executable, "main.py", "demo"]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
            seconds = time.monotonic() - began
    return [Figure("the demo, warm", seconds, "s", at_most=20)]
