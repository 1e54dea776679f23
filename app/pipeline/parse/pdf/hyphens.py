"""Joins words that are hyphenated at the end of a line, and keeps the hyphen of compounds.

No dictionary is needed: the same word usually occurs elsewhere in the document within a line.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_MARKS = "\x02\ufffe\xad"
"""pdfium's marks for a hyphen at the end of a line, of former and current versions, and the soft hyphen."""
_SIGNS = (*_MARKS, *(f"{hyphen}{end}" for hyphen in "-\u2010" for end in ("\r", "\n", " \r", " \n")))
_BREAK = re.compile(
    f"[{_MARKS}\u2010-](?:(?<=[{_MARKS}])[{_MARKS}]*(?:[ \t]{{0,9}}\r?\n)?|(?<=[^\\W\\d_].)[ \t]?\r?\n(?=[^\\W\\d_]))"
)
_REACH = 64
_RUN = re.compile(rf"[\w'’-]{{0,{_REACH}}}")  # noqa: RUF001 (the typographic apostrophe)
_PART = 4
"""Shortest length of a word that is more likely half of a compound than a syllable."""

_SUSPENDED = frozenset(["and", "or", "und", "oder", "bis", "sowie", "et", "ou", "y", "o", "e", "en", "of", "och", "og"])
_SECOND = frozenset(
    [
        "based",
        "dependent",
        "dimensional",
        "driven",
        "free",
        "friendly",
        "level",
        "looking",
        "oriented",
        "preserving",
        "ranking",
        "related",
        "specific",
        "style",
        "term",
        "wide",
    ]
)
"""English words that mostly follow a hyphen where they end a compound."""


@dataclass(frozen=True, slots=True)
class _Break:
    start: int
    end: int
    before: str
    after: str

    @property
    def joined(self) -> str:
        return (self.before + self.after).lower()

    @property
    def compound(self) -> str:
        return f"{self.before}-{self.after}".lower()


def join_words(pages: Sequence[str]) -> list[str]:
    """The pages with hyphenated words joined.

    A hyphen stays where the document has the compound elsewhere, where a capital or digit follows, or where both halves
    are words of the document. It always stays in a document that hyphenates no other word. Linear in the length of the
    text.
    """
    breaks = [list(_find_breaks(page)) for page in pages]
    if not any(breaks):
        return list(pages)
    known = _count_words(pages, breaks)
    votes = Counter(_evidence(item, known) for found in breaks for item in found)
    splits = votes[""] >= votes["-"]
    return [_join_page(page, found, known, splits=splits) for page, found in zip(pages, breaks, strict=True)]


def _find_breaks(page: str) -> Iterator[_Break]:
    if not any(sign in page for sign in _SIGNS):  # much faster than a search for the pattern
        return
    for match in _BREAK.finditer(page):
        start, end = match.span()
        before, after = _RUN.match(page[max(0, start - _REACH) : start][::-1]), _RUN.match(page, end)
        if before and after:
            yield _Break(start, end, before[0][::-1].lstrip("-_'’"), after[0].rstrip("-_'’"))  # noqa: RUF001


def _count_words(pages: Sequence[str], breaks: Sequence[Sequence[_Break]]) -> Counter[str]:
    """How often each word on which a decision depends occurs in one piece."""
    wanted = {word for found in breaks for item in found for word in _list_words(item)}
    words = Counter[str]()
    for page in pages:
        words.update([word for word in page.lower().split() if word in wanted])
    return words


def _list_words(item: _Break) -> tuple[str, ...]:
    first, second = _halves(item)
    return item.joined, item.compound, first.lower(), second.lower()


def _halves(item: _Break) -> tuple[str, str]:
    """The words on both sides of the break; of a chain such as ``state-of|the-art`` only these two."""
    return item.before.rpartition("-")[2], item.after.partition("-")[0]


def _join_page(page: str, breaks: Sequence[_Break], known: Mapping[str, int], *, splits: bool) -> str:
    pieces, done = [], 0
    for item in breaks:
        joint = _joint(item, known, splits=splits)
        # A printed hyphen before a capital or digit may end a line for any reason: hyphen and line end stay.
        kept = page[item.start : item.end] if joint == "-" and page[item.start] in "-\u2010" else joint
        pieces += [page[done : item.start], "-" if kept != joint and item.after[:1].islower() else kept]
        done = item.end
    return "".join([*pieces, page[done:]])


def _joint(item: _Break, known: Mapping[str, int], *, splits: bool) -> str:
    """The text between the halves: nothing, a hyphen, or a hyphen and a space (``Vor- und Nachteile``)."""
    if not item.before or not item.after:
        return "-" if item.before or item.after else ""
    if item.after.lower() in _SUSPENDED and known[item.joined] <= 0:
        return "- "
    evidence = _evidence(item, known)
    if evidence is not None:
        return evidence
    return "-" if not splits or _is_compound(item, known) else ""


def _evidence(item: _Break, known: Mapping[str, int]) -> str | None:
    """How the document writes the same word elsewhere; None where it does not occur."""
    joined, compound = known[item.joined], known[item.compound]
    if max(joined, compound) <= 0:
        return None
    return "" if joined >= compound else "-"


def _is_compound(item: _Break, known: Mapping[str, int]) -> bool:
    first, second = _halves(item)
    if len(first) < 2 or first[-1].isdigit() or second[:1].isdigit():  # noqa: PLR2004 (x-axis)
        return True
    if second[:1].isupper() and not first.isupper():
        return True
    if second.lower() in _SECOND:
        return True
    in_chain = first != item.before or second != item.after
    words = known[first.lower()] > 0 and known[second.lower()] > 0
    return words and (in_chain or min(len(first), len(second)) >= _PART)
