"""Cuts an answer that arrives in pieces into sentences, each with the marks that follow it."""

import re
from itertools import pairwise

from app.pipeline.chunking.chunk import find_sentences

_STEPS = 16
"""A sentence that grows is looked at again once it is longer by this part of its length."""
_LINE = re.compile(r"(?<![,;])\n(?=[^\S\n]*\S)")
_OPENING = re.compile(r"\s*[\[【\uff3b\u3014(<¹²³⁰⁴-⁹]")
_MARK = r"[\[【\uff3b\u3014][^\[\]【】\n]{0,120}[\]】\uff3d\u3015]|<sup>[^<\n]{0,40}</sup>|[¹²³⁰⁴-⁹]+"
_MARKS = rf"(?:[^\S\n]*(?:{_MARK}))+[^\S\n]*+[.。]?"
_MARKS_FIRST = re.compile(_MARKS)
_MARKS_GLUED = re.compile(rf"[.!?…][\"”»]?{_MARKS}[^\S\n]*+(?=[^\W\d_])")
"""A sentence's end with marks right behind it, as in "at dusk.[1] The boat", unless a lower-case letter follows."""
_LONGEST_MARK = 130


class Segments:
    """Cuts a text. The segments in order are the whole text; each begins with the white space before its sentence."""

    def __init__(self) -> None:
        self._rest = ""
        self._next_look = 0

    def feed(self, piece: str) -> list[str]:
        """The segments that are complete: further text follows the marks behind them."""
        self._rest += piece
        if len(self._rest) < self._next_look:
            return []
        cuts = _find_cuts(self._rest)
        if cuts and _OPENING.match(self._rest, cuts[-1]) and len(self._rest) - cuts[-1] < _LONGEST_MARK:
            cuts.pop()  # what follows may become a mark of the segment before
        whole, self._rest = _cut(self._rest, cuts), self._rest[cuts[-1] if cuts else 0 :]
        # Not at every piece: looking again at a sentence that grows would take quadratic time.
        self._next_look = len(self._rest) + len(self._rest) // _STEPS
        return whole

    def end(self) -> list[str]:
        """The segments of the rest."""
        rest, self._rest = self._rest, ""
        return list(split_segments(rest))


def split_segments(text: str) -> list[str]:
    """The sentences and lines of a text. Marks on the same line behind a sentence belong to it."""
    return [part for part in _cut(text, [*_find_cuts(text), len(text)]) if part.strip()]


def _cut(text: str, cuts: list[int]) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *cuts])]


def _find_cuts(text: str) -> list[int]:
    """The ends of all segments but the last."""
    starts = {start for start, _ in find_sentences(text)} | {match.end() for match in _LINE.finditer(text)}
    starts |= {match.end() for match in _MARKS_GLUED.finditer(text) if not text[match.end()].islower()}
    cuts, stop = [0], len(text.rstrip())
    for start in sorted(starts):
        if "\n" not in text[_skip_back(text, start) : start] and (marks := _MARKS_FIRST.match(text, start)):
            start = marks.end()  # noqa: PLW2901
        end = _skip_back(text, start)
        if end > cuts[-1] and start < stop:
            cuts.append(end)
    return cuts[1:]


def _skip_back(text: str, place: int) -> int:
    """The end of the text before the white space that ends at ``place``."""
    while place and text[place - 1].isspace():
        place -= 1
    return place
