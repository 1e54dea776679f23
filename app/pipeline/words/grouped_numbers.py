"""Numbers that are written in groups, such as those of telephones, accounts, cards and books."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HINT = re.compile(r" (?<=[\d)] )[-/(\d]")
"""A space that may be between groups. It begins with a space, so that a text without groups takes little time."""
_THOUSANDS = re.compile(r" (?<=\d )(?<!\d{4} )(?=\d{3}(?!\d))")
_BETWEEN = r"(?:[ \u2013-]{1,3}| ?/ ?| ?\(|\)[ /-]{0,3})"
_GROUPS = re.compile(rf"(?<!\d)\d++(?:{_BETWEEN}\d++)+(?![\w,.]*\d)")
"""Digits are matched whole, possessively: otherwise long runs of digits take cubic time."""
_ACCOUNT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,3})?(?![A-Za-z0-9])")
"""An IBAN in groups of four."""
_BEFORE_DIGITS = (2, 10)
"""The number of characters in an IBAN before its groups of digits."""
_DIGITS = re.compile(r"\d+")
_TRUNK = "(0)"
"""The zero that is left out in calls from abroad: +49 (0)30."""
_YEARS = re.compile("(?:[^0-9]*(?:19|20)[0-9]{2})+")
_COMPOUND = re.compile("[a-z]{0,2}[0-9]+(?:[-/][a-z0-9]+)*")
"""A number as ``join_groups`` writes it, or without groups. The letters are those of an account."""
_FEWEST, _MOST, _MOST_GROUPS = 7, 22, 8
_FEWEST_FOREIGN = _FEWEST_OF_ACCOUNT = 10
"""The least number of digits of a telephone number with a country code, and of an account."""
_OF_EQUAL_SIZE = range(4, 7)


class Group(NamedTuple):
    """A number in groups: its place in the text, and its parts."""

    start: int
    end: int
    parts: list[str]

    @property
    def whole(self) -> str:
        """The number without separators, in small letters."""
        return "".join(self.parts).lower()


def is_grouped(compound: str) -> bool:
    """Whether a compound in small letters is a long number with groups, and no range of years."""
    digits = sum(map(str.isdigit, compound))
    return digits >= _FEWEST and bool(_COMPOUND.fullmatch(compound)) and not _YEARS.fullmatch(compound)


def list_foreign(number: str) -> tuple[str, ...]:
    """The other way to begin a telephone number with its country code: 0049 for +49."""
    if len(number) < _FEWEST_FOREIGN or not number.isdecimal():
        return ()
    return (number.removeprefix("00"),) if number.startswith("00") else (f"00{number}",)


def join_groups(text: str) -> str:
    """The folded text with joints instead of the spaces between the groups of a number, so that it is one token.

    They are hyphens, and commas in a number such as "12 500".
    """
    if not (_HINT.search(text) or _TRUNK in text):
        return text
    pieces, done = list[str](), 0
    for group in find_groups(text):
        pieces += (text[done : group.start], "-".join(group.parts))
        done = group.end
    return _THOUSANDS.sub(",", "".join((*pieces, text[done:])) if done else text)


def find_groups(text: str) -> Iterator[Group]:
    """The numbers in groups of a folded text that have a space between groups, in their order."""
    done = 0
    for match in _GROUPS.finditer(text):
        if match.start() < done:
            continue
        account = _match_account(text, match.start())
        parts = account[0].split() if account else _read(text, match)
        if parts:
            found = account or match
            done = found.end()
            yield Group(*found.span(), parts)


def _match_account(text: str, start: int) -> re.Match[str] | None:
    """The account number whose first or third group begins here, after "DE" or "GB29 NWBK "."""
    for before in _BEFORE_DIGITS:
        match = _ACCOUNT.match(text, start - before) if start >= before and text[start - before].isalpha() else None
        if match and sum(map(str.isdigit, match[0])) >= _FEWEST_OF_ACCOUNT:
            return match
    return None


def _read(text: str, match: re.Match[str]) -> list[str]:
    """The parts of a number; none where it is a row of numbers."""
    written = match[0]
    before = text[max(0, match.start() - 1) : match.start()]
    is_token = " " not in written and "(" not in written and ")" not in written
    if is_token or before.isalpha() or before in {".", ",", "_"}:
        return []
    parts = _DIGITS.findall(written)
    if not (_FEWEST <= sum(map(len, parts)) <= _MOST and len(parts) <= _MOST_GROUPS):
        return []
    is_foreign = before == "+"
    if written.startswith("00") and sum(map(len, parts)) >= _FEWEST_FOREIGN:
        is_foreign, parts[0] = True, parts[0].removeprefix("00")
    if is_foreign and _TRUNK in written:
        parts.remove("0")
    has_area = before == "(" and ")" in written
    is_telephone = is_foreign or has_area or (written[0] == "0" and len(parts[0]) > 1)
    return [part for part in parts if part] if is_telephone or _is_one(written, parts) else []


def _is_one(written: str, parts: list[str]) -> bool:
    """Whether groups without a sign of a telephone number are one number, and not several."""
    sizes = [len(part) for part in parts]
    size = sizes[0]
    if _YEARS.fullmatch(written):
        return False
    if sizes[:-1] == [size] * (len(sizes) - 1) and sizes[-1] <= size and size in _OF_EQUAL_SIZE:
        return len(sizes) > 2 or (size > _OF_EQUAL_SIZE[0] and sizes[-1] == size)  # noqa: PLR2004
    is_book = parts[0] in {"978", "979"} and sum(sizes) == 13  # noqa: PLR2004
    has_signs = len(sizes) > 2 and not written.replace(" ", "").isdigit()  # noqa: PLR2004
    return is_book or has_signs or sizes in ([3, 3, 4], [4, 6, 5])
