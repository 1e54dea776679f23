"""The numbers of a text, so that they compare in any notation: 12,500 and 12.500,00, four and 4, 07 and 7."""

import re
from collections.abc import Iterator

_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")  # noqa: RUF001
_GROUPED = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3})+")  # noqa: RUF001
_WORDS = {
    word: str(value)
    for value, words in enumerate(
        (
            "two zwei deux dos due dois twee два 二 两",
            "three drei trois tres tre tres drie три 三",
            "four vier quatre cuatro quattro quatro четыре 四",
            "five fünf cinq cinco cinque vijf пять 五",
            "six sechs seis sei zes шесть 六",
            "seven sieben sept siete sette sete zeven семь 七",
            "eight acht huit ocho otto oito восемь 八",
            "nine neun neuf nueve nove negen девять 九",
            "ten zehn dix diez dieci dez tien десять 十",
            "eleven elf onze once undici одиннадцать",
            "twelve zwölf douze doce dodici doze twaalf двенадцать",
        ),
        2,
    )
    for word in words.split()
}
_LETTERS = re.compile(r"[^\W\d_]+")
_LIST_MARKER = re.compile(r"^\s*(?:[-*•]\s+)?(?:\(?\d{1,2}[.)]\s+)?")


def list_numbers(text: str) -> list[frozenset[str]]:
    """The numbers written with digits, each as the values that its notation allows, without numbers of list items."""
    return [frozenset(_read(found)) for found in _NUMBER.findall(_LIST_MARKER.sub("", text))]


def list_values(text: str) -> frozenset[str]:
    """Every value that a number of the text may have, also one written as a word, from two to twelve."""
    digits = (value for found in _NUMBER.findall(text) for value in _read(found))
    words = (_WORDS[word] for word in _LETTERS.findall(text.lower()) if word in _WORDS)
    return frozenset((*digits, *words))


def _read(number: str) -> Iterator[str]:
    """The values of a number: 2,400 may be 2400 or 2.4; of several parts, such as a date, each part too."""
    parts = re.split(r"\D", number)
    if match := _GROUPED.match(number):
        rest = number[match.end() :]
        if not rest or re.fullmatch(r"[.,]\d+", rest):
            yield _plain(re.sub(r"\D", "", match[0]), rest[1:])
    if len(parts) == 2:  # noqa: PLR2004 - a whole number and its decimals
        yield _plain(parts[0], parts[1])
    elif len(parts) != 2 and not _GROUPED.fullmatch(number):  # noqa: PLR2004
        yield from (_plain(part) for part in parts)


def _plain(whole: str, decimals: str = "") -> str:
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
