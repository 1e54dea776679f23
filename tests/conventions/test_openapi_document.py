"""``docs/openapi.json`` is the description that the API serves."""

import os
import subprocess
import sys

from app.api.openapi import DOCUMENT, render


def test_the_committed_description_of_the_api_is_current() -> None:
    assert DOCUMENT.read_text("utf-8") == render(), "run `make openapi` and commit docs/openapi.json"


def test_the_description_is_the_same_in_every_process_and_environment() -> None:
    program = "from app.api.openapi import render; print(render(), end='')"
    other = subprocess.run(
        [sys.executable, "-c", program],
        cwd=DOCUMENT.parents[1],
        env={
            **os.environ,
            "PYTHONHASHSEED": "7",
            "MAX_UPLOAD_MB": "1",
            "ACCESS_LOG": "false",
            "PYTHONIOENCODING": "utf-8",
        },
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert other.stdout == render()
