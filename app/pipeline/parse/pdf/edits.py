"""Changes of a page's text that keep the positions of the rest."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

_LINE_END = "\r\n"


class Edit(NamedTuple):
    """Replaces ``text[start:stop]``; inserts where both are equal.

    What is inserted belongs to the character before it, or to the one after it if it ``leads``.
    """

    start: int
    stop: int
    text: str
    leads: bool = False


def write(text: str, spans: Iterable[tuple[int, int]] | None, edits: Iterable[Edit]) -> str:
    """The parts of ``text`` in this order, each on lines of its own, with the edits made.

    Args:
        text: The text of a page.
        spans: Parts of the text, in reading order; None for the whole text.
        edits: Of edits that overlap, the later one follows the former one.
    """
    waiting = sorted(edits, key=_anchor)
    anchors = [_anchor(edit) for edit in waiting]
    pieces: list[str] = []
    end: int | None = None
    for start, stop in [(0, len(text))] if spans is None else spans:
        if end is not None and end != start:
            pieces.append(_LINE_END)
        pieces.append(_apply(text, start, stop, waiting[bisect_left(anchors, start) : bisect_left(anchors, stop)]))
        end = stop
    return "".join(pieces)


def _anchor(edit: Edit) -> int:
    """The first character that is replaced, or the one to which inserted text belongs."""
    return edit.start if edit.stop > edit.start or edit.leads else max(edit.start - 1, 0)


def _apply(text: str, start: int, stop: int, edits: Iterable[Edit]) -> str:
    pieces: list[str] = []
    done = start
    for edit in edits:
        if edit.start >= done:
            pieces += [text[done : edit.start], edit.text]
            done = edit.stop
        elif edit.start == edit.stop:
            pieces.append(edit.text)  # its place is in text that was replaced
    return "".join([*pieces, text[done:stop]])
