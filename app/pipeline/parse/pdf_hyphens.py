"""Words that a line's end parted: joined where they are one word, with their hyphen where they are a compound.

No dictionary is needed: the document itself tells most of them, since it writes the same word elsewhere in one piece.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_MARKS = "\x02\ufffe\xad"
"""pdfium's marks for a hyphen at a line's end, old and new, and the soft hyphen."""
_SIGNS = (*_MARKS, *(f"{hyphen}{end}" for hyphen in "-\u2010" for end in ("\r", "\n", " \r", " \n")))
_BREAK = re.compile(
    f"[{_MARKS}\u2010-](?:(?<=[{_MARKS}])[{_MARKS}]*(?:[ \t]{{0,9}}\r?\n)?|(?<=[^\\W\\d_].)[ \t]?\r?\n(?=[^\\W\\d_]))"
)
_REACH = 64
_RUN = re.compile(rf"[\w'’-]{{0,{_REACH}}}")  # noqa: RUF001 (the apostrophe of print)
_PART = 4
"""Letters of the shortest word that is likely to be half of a compound rather than a syllable."""

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
"""English words that end a compound written with a hyphen far more often than a word of one piece."""


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
    """The pages with no word parted at a line's end.

    A hyphen stays where the document writes the compound elsewhere, where a capital or figure follows, where both
    halves are words of this document, and, where it splits no other word, always. Linear in the length of the text.
    """
    breaks = [list(_find_breaks(page)) for page in pages]
    if not any(breaks):
        return list(pages)
    known = _count_words(pages, breaks)
    votes = Counter(_evidence(item, known) for found in breaks for item in found)
    splits = votes[""] >= votes["-"]
    return [_mend(page, found, known, splits=splits) for page, found in zip(pages, breaks, strict=True)]


def _find_breaks(page: str) -> Iterator[_Break]:
    if not any(sign in page for sign in _SIGNS):  # much faster than to look for the pattern in vain
        return
    for match in _BREAK.finditer(page):
        start, end = match.span()
        before, after = _RUN.match(page[max(0, start - _REACH) : start][::-1]), _RUN.match(page, end)
        if before and after:
            yield _Break(start, end, before[0][::-1].lstrip("-_'’"), after[0].rstrip("-_'’"))  # noqa: RUF001


def _count_words(pages: Sequence[str], breaks: Sequence[Sequence[_Break]]) -> Counter[str]:
    """How often the document has each word that the breaks ask for; one that was parted holds its mark, and is none."""
    asked = {word for found in breaks for item in found for word in _ask(item)}
    words = Counter[str]()
    for page in pages:
        words.update([word for word in page.lower().split() if word in asked])
    return words


def _ask(item: _Break) -> tuple[str, ...]:
    first, second = _halves(item)
    return item.joined, item.compound, first.lower(), second.lower()


def _halves(item: _Break) -> tuple[str, str]:
    """The words beside the break: of a chain of them, ``state-of|the-art``, only those two."""
    return item.before.rpartition("-")[2], item.after.partition("-")[0]


def _mend(page: str, breaks: Sequence[_Break], known: Mapping[str, int], *, splits: bool) -> str:
    pieces, done = [], 0
    for item in breaks:
        joint = _joint(item, known, splits=splits)
        # A hyphen of print before a capital or a figure may end a line for any reason: it stays as it was.
        kept = page[item.start : item.end] if joint == "-" and page[item.start] in "-\u2010" else joint
        pieces += [page[done : item.start], "-" if kept != joint and item.after[:1].islower() else kept]
        done = item.end
    return "".join([*pieces, page[done:]])


def _joint(item: _Break, known: Mapping[str, int], *, splits: bool) -> str:
    """What stands between the halves: nothing, a hyphen, or a hyphen and a space (``Vor- und Nachteile``)."""
    if not item.before or not item.after:
        return "-" if item.before or item.after else ""
    if item.after.lower() in _SUSPENDED and known[item.joined] <= 0:
        return "- "
    told = _evidence(item, known)
    if told is not None:
        return told
    return "-" if not splits or _is_compound(item, known) else ""


def _evidence(item: _Break, known: Mapping[str, int]) -> str | None:
    """What the document does with the same word elsewhere; None where it does not tell."""
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
