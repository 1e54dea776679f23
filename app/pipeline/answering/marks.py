"""The marks by which a language model cites passages, in all the forms that models use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DASH = "\u2010-\u2015-"  # at the end of a character class
_WORD = (
    r"(?:passagen?|passages?|pasajes?|sources?|documents?|docs?|ref(?:erence)?s?|chunks?|excerpts?"
    r"|quellen?|abschnitte?|fuentes?|fonti|fonte|brani|brano|bron)"
)
_ITEM = rf"(?:\^|#)?\s?(?:{_WORD}\s?[:#.]?\s?)?\d{{1,3}}"
_LIST = rf"{_ITEM}(?:\s*(?:[,;&{_DASH}]|and|und|et|y|e)\s*{_ITEM})*"
_PAGE = r"(?:,?\s?(?:pages?|pp?|S|Seite)\.?\s?\d{1,4})?"
# Spaces before a mark belong to it. The lookbehind keeps the search linear in a long run of spaces.
_MARK = re.compile(
    rf"(?<!\s)\s*(?:"
    rf"[\[【\uff3b\u3014]\s*(?P<square>{_LIST})\s?(?:†[^\[\]【】]{{0,100}})?{_PAGE}\s*[\]】\uff3d\u3015](?:\((?:https?://|\#)[^()\s]{{0,300}}\))?"
    rf"|\(\s?(?P<named>{_WORD}\s?[:#.]?\s?{_LIST}){_PAGE}\s?\)"
    rf"|<sup>\s?\[?(?P<html>{_LIST})\]?\s?</sup>"
    rf"|(?P<round>\(\s?\d{{1,2}}(?:\s*[,;]\s*\d{{1,2}})*\s?\))(?=\s*[.,;:!?]|\s*\Z|\s*\n)"
    rf"|(?P<raised>(?:(?<=[^\W\d_]{{3}})|(?<=[.!?\"”»)]))[¹²³⁰⁴-⁹]{{1,2}}(?:[⁺,][¹²³⁰⁴-⁹]{{1,2}})*)"
    rf")",
    re.IGNORECASE,
)
_NUMBERS = re.compile(rf"(\d{{1,3}})(?:\s*[{_DASH}]\s*(?:\^|#)?\s?(?:{_WORD}\s?)?(\d{{1,3}}))?", re.IGNORECASE)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark at ``text[start:end]`` and the passages that it names, from 1.

    ``is_certain`` is false for the forms that texts also use otherwise, such as (1) and ²: they are citations only if
    the passage supports the sentence.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    is_certain: bool


def find_marks(text: str, count: int) -> Iterator[Mark]:
    """The marks of a text, in order. Numbers of passages that do not exist are left out.

    Args:
        text: What a language model wrote.
        count: The number of passages.
    """
    for match in _MARK.finditer(text):
        kind = match.lastgroup or ""
        written = match[kind]
        if kind == "raised":
            digits = re.findall(r"\d+", written.translate(_RAISED))
            # Two raised digits are one number only where there are so many passages.
            written = ",".join(number if int(number) <= count else ",".join(number) for number in digits)
        yield Mark(*match.span(), _read_numbers(written, count), kind in {"square", "named", "html"})


def _read_numbers(written: str, count: int) -> tuple[int, ...]:
    """The numbers of a mark, each once, with those that a range such as 1-3 includes."""
    numbers = dict[int, None]()
    for first, last in _NUMBERS.findall(written):
        end = min(int(last or first), count)
        numbers |= dict.fromkeys(range(max(int(first), 1), end + 1))
    return tuple(numbers)
