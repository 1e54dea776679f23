# ruff: noqa: RUF001, the symbols of a language are meant as they are
"""Finds the encoding of text by the letters that follow each other in each language (naive Bayes).

Each candidate encoding decodes the bytes, and each language that is written in it rates the result: the probability of
each letter after the one before it. The pair with the highest probability wins. Costs are negative logarithms of
probabilities in half nats, so that they add up and texts of one and of two bytes per character can be compared.

``letter_pairs.txt`` has a line for each language: its letters, then the costs of a word's first letter, then for each
letter the costs of the next one, each cost as one ASCII character from ``0``. For Chinese, Japanese and Korean it has
the characters by falling frequency. It was derived from the language models of lingua 1.4, and those of simplified
Chinese with the table of hanziconv 0.3 (both Apache License 2.0).
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

_LATIN = "fr de es pt it sv da nb fi nl is ca en eu ga af nn"
_CENTRAL = "pl cs sk hu sl hr ro sq"
_CYRILLIC = "ru uk bg sr be mk"
_CANDIDATES: dict[str, tuple[int, str]] = {
    "cp1252": (0, _LATIN),
    "iso8859-15": (4, _LATIN),
    "mac-roman": (6, _LATIN),
    "cp850": (10, _LATIN),
    "cp1250": (2, _CENTRAL),
    "iso8859-2": (3, _CENTRAL),
    "cp852": (8, _CENTRAL),
    "mac-latin2": (10, _CENTRAL),
    "cp1254": (2, "tr"),
    "cp857": (10, "tr"),
    "cp1257": (2, "lt lv et"),
    "iso8859-4": (10, "lt lv et"),
    "cp1253": (2, "el"),
    "iso8859-7": (3, "el"),
    "cp737": (8, "el"),
    "cp1251": (0, _CYRILLIC),
    "koi8-r": (2, "ru bg"),
    "koi8-u": (3, "uk ru"),
    "iso8859-5": (4, _CYRILLIC),
    "cp866": (3, "ru bg be"),
    "mac-cyrillic": (4, _CYRILLIC),
    "cp1255": (2, "he"),
    "cp862": (10, "he"),
    "cp1256": (2, "ar fa"),
    "iso8859-6": (4, "ar"),
    "cp874": (4, "th"),
    "cp932": (2, "ja"),
    "euc_jp": (3, "ja"),
    "cp949": (2, "ko"),
    "gb18030": (1, "zh"),
    "big5hkscs": (2, "tw"),
    "utf-16-le": (8, "ja zh tw ko"),
    "utf-16-be": (8, "ja zh tw ko"),
}
"""The prior cost of each encoding, and the languages that are written in it."""
_DECLARED_BONUS = 8
_SAMPLE, _AROUND = 2000, 200
_BAD_SHARE = 0.05
_RARE = {"eu": 4, "ga": 4, "af": 4, "nn": 4, "is": 4, "ca": 2, "sq": 4, "fa": 2, "mk": 2, "be": 2}
"""The prior costs of languages that are less common, or whose letters are those of a more common one."""

# Costs of what the table does not contain, chosen on texts like those of tests/pipeline/test_encoding.py.
_FIRST_COST = ord("0")
_UNKNOWN_LETTER = 32
_UNKNOWN_IDEOGRAPH, _UNKNOWN_IN_KOREAN = 24, 36
_VOWEL_SIGN = 5
_WRONG_CASE, _UPPER_CASE = 8, 4
_ENGLISH_WORD = 3
_NO_CHARACTER = 50
_SYMBOL = 28
_ASCII = 8
_SYMBOLS = {
    **dict.fromkeys("’“”–—…€£§°«»©®·•„‘‚™\xa0¿¡", 12),
    **dict.fromkeys("½¼¾²³±×÷µ", 13),
    **dict.fromkeys("①②③④⑤⑥⑦⑧⑨⑩㈱℡㎡㎏㎜", 13),
    **dict.fromkeys("ªº†‡‰‹›¢¥¨¯´¸¤¦¬¶№", 18),
    **dict.fromkeys("、。「」『』・ー，！？：；（）《》〈〉【】〜\u3000", 9),
}
_NOT_AFTER_LETTERS = "¿¡„‚‘—–"
_NOT_BEFORE_LETTERS = "‡†£¥¢¤©®°±²³¹×÷¼½¾»”"
_WITHIN_WORDS = "’'·-\xad"
_FULL_WIDTH = re.compile("[\u3000-\u303f\uff01-\uff5e]")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


@dataclass(frozen=True, slots=True)
class _Language:
    """The letters of a language by their index, and the costs of the first and the next ones (``rows[index + 1]``)."""

    letters: Mapping[str, int]
    rows: tuple[bytes, ...]
    unknown_ideograph: int

    def rate(self, word: str) -> int:
        """The cost of a word in lower case."""
        cost, row = 0, 0
        for letter in word:
            index = self.letters.get(letter)
            if index is None:
                cost, row = cost + self._rate_unknown(letter), 0
                continue
            if self.rows:
                cost += self.rows[row][index] - _FIRST_COST
                row = index + 1
            else:
                cost += int(6 + 1.5 * math.log(index + 2))  # Zipf's law
        return cost

    def _rate_unknown(self, letter: str) -> int:
        if unicodedata.category(letter)[0] == "M":
            return _VOWEL_SIGN
        return self.unknown_ideograph if "\u3040" <= letter <= "\ud7a3" else _UNKNOWN_LETTER


def find_encoding(data: bytes, declared: str | None = None, priors: Mapping[str, int] | None = None) -> str | None:
    """The encoding in which ``data`` is the most probable text; None where no candidate can decode it.

    Args:
        data: Text with bytes beyond ASCII that is not UTF-8.
        declared: The encoding that its file declares, as a codec's name. It is obeyed unless another is much more
            probable or it cannot decode the text.
        priors: The candidates with their prior costs; None takes all.
    """
    sample = _take_sample(data)
    if declared and declared not in _CANDIDATES and _is_clean(sample.decode(declared, "replace")):
        return declared
    costs: dict[str, int] = {}
    for encoding, (prior, languages) in _CANDIDATES.items():
        if priors is not None and encoding not in priors:
            continue
        text = sample.decode(encoding, "replace")
        if text.count("\ufffd") <= len(text) * _BAD_SHARE:
            bonus = _rate_declaration(text) if encoding == declared else 0
            costs[encoding] = (priors or {}).get(encoding, prior) - bonus + _rate(text, languages.split())
    return min(costs, key=costs.__getitem__, default=None)


def _rate_declaration(text: str) -> int:
    """By how much the declared encoding may cost more than another and still win.

    It grows with the text, which may be in a language that is not among the candidates.
    """
    return _DECLARED_BONUS + len(text) // 10 + sum(not char.isascii() for char in text)


def count_common(text: str) -> int:
    """The number of characters of ``text`` that are ASCII or common in one of the languages."""
    common = _load_common()
    return sum(char.isascii() or char in common for char in text)


def _take_sample(data: bytes) -> bytes:
    """The lines around the first characters beyond ASCII: the others do not depend on the encoding."""
    if b"\0" in data[:_SAMPLE]:
        return data[:_SAMPLE]
    sample = bytearray()
    position = 0
    while len(sample) < _SAMPLE and (found := _BEYOND_ASCII.search(data, position)):
        first = found.start()
        start = max(position, data.rfind(b"\n", position, first) + 1, first - _AROUND)
        end = data.find(b"\n", first, first + _AROUND)
        end = min(first + _AROUND, len(data)) if end < 0 else end
        sample += b"\n" + data[start:end] if start > position else data[position:end]
        position = end
    return bytes(sample)


def _rate(text: str, languages: Iterable[str]) -> int:
    """The cost of a text in the most probable of these languages."""
    words, symbols = _split(text)
    lowest = min(
        _RARE.get(name, 0) + sum(_rate_word(word, name) * count for word, count in words.items()) for name in languages
    )
    return lowest + symbols


@lru_cache(maxsize=8192)
def _rate_word(word: str, language: str) -> int:
    low = word.lower()
    cost = _load(language).rate(low)
    if word.isascii() and language != "en":
        return min(cost, _load("en").rate(low) + _ENGLISH_WORD)
    if word.isupper():
        cost += _UPPER_CASE if len(word) > 1 else 0
    elif not (word.islower() or word.istitle()):
        cost += _WRONG_CASE * sum(first.islower() and second.isupper() for first, second in pairwise(word))
    return cost


def _split(text: str) -> tuple[Counter[str], int]:
    """The words of a text with their counts, and the cost of all other characters."""
    words: Counter[str] = Counter()
    cost = start = 0
    for position, char in enumerate(text):
        if char.isalpha() or unicodedata.category(char)[0] == "M":
            continue
        if start < position:
            words[text[start:position]] += 1
        cost += _rate_symbol(char, text[position - 1 : position], text[position + 1 : position + 2])
        start = position + 1
    if start < len(text):
        words[text[start:]] += 1
    return words, cost


def _rate_symbol(char: str, before: str, after: str) -> int:
    """The cost of a character that is no letter. Within a word, few are probable."""
    if char.isascii():
        return _ASCII if char.isprintable() or char.isspace() else _NO_CHARACTER // 2
    cost = _SYMBOLS.get(char) or (_SYMBOL if not _FULL_WIDTH.match(char) else _SYMBOL // 2)
    if unicodedata.category(char) in {"Cc", "Cn", "Co"} or char == "\ufffd":
        cost = _NO_CHARACTER
    elif before.isalpha() and char not in _WITHIN_WORDS and (after.isalpha() or char in _NOT_AFTER_LETTERS):
        cost = max(cost, _SYMBOL // 2 if _FULL_WIDTH.match(char) else _SYMBOL)
    elif after.isalpha() and char in _NOT_BEFORE_LETTERS:
        cost += _SYMBOL // 2
    return cost


def _is_clean(text: str) -> bool:
    """Whether a decoded text has only characters that texts contain."""
    odd = any(unicodedata.category(char) in {"Cc", "Cn", "Co"} and not char.isspace() for char in text)
    return not odd and "\ufffd" not in text


@cache
def _load(language: str) -> _Language:
    letters, *rows = _read_table()[language]
    unknown = _UNKNOWN_IN_KOREAN if language == "ko" else _UNKNOWN_IDEOGRAPH
    return _Language({letter: index for index, letter in enumerate(letters)}, tuple(map(str.encode, rows)), unknown)


@cache
def _load_common() -> frozenset[str]:
    return frozenset(char for letters, *_ in _read_table().values() for char in letters + letters.upper())


@cache
def _read_table() -> dict[str, list[str]]:
    lines = Path(__file__).with_name("letter_pairs.txt").read_text("utf-8").splitlines()
    return {name: fields for name, *fields in map(str.split, lines)}
