"""Superscripts and subscripts of a line in plain text, where losing them would change a value."""

from typing import Literal, NamedTuple

from app.pipeline.parse.web.inline import write_subscript, write_superscript

Script = Literal["super", "sub"]
_EXAMINED = 40
"""The characters before a script that decide how it is written, and those of a script that is written in one piece."""
_BARS = {"/", "\u2044"}


class _Written(NamedTuple):
    pieces: list[str]
    start: int
    kind: Script
    text: str
    before: str


class Scripts:
    """Writes the scripts of one text. Files split them over several runs, and write a fraction as two of them."""

    def __init__(self) -> None:
        self._last: _Written | None = None

    def write(self, pieces: list[str], start: int, kind: Script) -> None:
        """Write ``pieces[start:]``, which are a script after the pieces before them."""
        text, last = "".join(pieces[start:]), self._last
        if not text.strip():
            return
        if last is not None and last.pieces is pieces:
            if last.kind == kind and start == last.start + 1 and len(last.text) < _EXAMINED:
                start, text = last.start, last.text + text
            elif kind == "sub" and last.kind == "super" and "".join(pieces[last.start + 1 : start]).strip() in _BARS:
                pieces[last.start] = write_superscript(last.text, last.before, is_note=False, is_numerator=True)
        before = "".join(pieces[max(start - _EXAMINED, 0) : start])[-_EXAMINED:]
        if kind == "super":
            pieces[start:] = [write_superscript(text, before, is_note=False, is_numerator=False)]
        else:
            pieces[start:] = [write_subscript(text, before)]
        self._last = _Written(pieces, start, kind, text, before)
