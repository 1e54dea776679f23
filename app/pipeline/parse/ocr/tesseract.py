"""The program ``tesseract``, where it is installed."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial

from app.domain.errors import ParserKilledError
from app.parent_death import die_with_parent
from app.pipeline.parse.ocr.engine import NOTHING, OcrError, Picture, Reading

_PROGRAM = "tesseract"
_LANGUAGES = re.compile(r"\w{1,40}(?:[+/]\w{1,40}){0,20}", re.ASCII)
_RESOLUTION = 300
_COLUMNS = 12
"""Of its table: level, page, block, paragraph, line, word, left, top, width, height, confidence, text."""


class Tesseract:
    """The ``Engine`` of tesseract.

    Args:
        languages: As tesseract names them, joined by ``+``.

    Raises:
        OcrError: when it is not installed.
    """

    def __init__(self, languages: str) -> None:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise OcrError("tesseract is not installed")
        if not _LANGUAGES.fullmatch(languages):
            raise OcrError(f"{languages[:40]!r} is not a list of languages such as eng+deu")
        self._command = [program, "stdin", "stdout", "-l", languages, "--dpi", str(_RESOLUTION), "tsv"]

    def read(self, picture: Picture, seconds: float) -> Reading:
        """As ``Engine.read``."""
        height, width = picture.shape
        try:
            done = subprocess.run(  # noqa: S603, a program that the operator installed
                self._command,
                input=b"P5 %d %d 255\n" % (width, height) + picture.tobytes(),
                capture_output=True,
                timeout=seconds,
                check=False,
                preexec_fn=partial(die_with_parent, signal.SIGKILL, os.getpid()),
            )
        except subprocess.TimeoutExpired as error:
            raise OcrError(f"tesseract took more than {seconds:g} seconds") from error
        if done.returncode == -signal.SIGKILL:
            raise ParserKilledError("It was tesseract.")
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise OcrError(f"tesseract: {lines[0][:200]}" if lines else f"tesseract exited with {done.returncode}")
        return _read_table(done.stdout.decode("utf-8", "replace"))


def _read_table(table: str) -> Reading:
    """The words by lines, with an empty line between paragraphs."""
    lines: list[str] = []
    last: tuple[str, ...] = ()
    total = weight = 0.0
    for place, confidence, word in _list_words(table):
        if place == last:
            lines[-1] += f" {word}"
        else:
            lines += ["", word] if lines and place[:-1] != last[:-1] else [word]
        last = place
        total += confidence * len(word)
        weight += len(word)
    return Reading("\n".join(lines), total / weight) if weight else NOTHING


def _list_words(table: str) -> Iterator[tuple[tuple[str, ...], float, str]]:
    """Block, paragraph and line of each word, its confidence from 0 to 1, and the word."""
    for row in table.split("\n")[1:]:
        cells = row.split("\t")
        if len(cells) == _COLUMNS and cells[-1].strip():
            yield tuple(cells[2:5]), max(float(cells[10]), 0) / 100, cells[-1].strip()
