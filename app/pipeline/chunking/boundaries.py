"""Patterns for the ends of paragraphs, sentences, clauses, lines and words in many scripts.

The patterns for ends begin with a greedy ``.*``: matched within a window, they find the last end in it.
"""

# ruff: noqa: RUF001 (punctuation of other scripts)

import re
import unicodedata

# Scripts written without spaces: Thai to Myanmar, Khmer, kana, Han, and full-width forms. They may be cut between any
# two characters, except before closing marks, small kana or vowel signs, after opening marks, within a stack of Khmer
# or Myanmar consonants, and before the consonant that ends a Myanmar syllable.
_PHRASED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # scripts with spaces between phrases
_UNSPACED = f"{_PHRASED}\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_NOT_FIRST = (
    "\\W、。，．・：；！？）」』】〉》〕｝”’々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
    "\u0e2f-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebd\u0ec6-\u0ecd\u102b-\u103e\u17b4-\u17d3"
)
_NOT_LAST = "（「『【〈《〔｛“‘\u0e40-\u0e44\u0ec0-\u0ec4\u1039\u17d2\u200d"
_BETWEEN = (
    f"(?<![{_NOT_LAST}\\s])(?=[^{_NOT_FIRST}])(?![\u1000-\u1021]\u1037?\u103a)(?:(?<=[{_UNSPACED}])|(?=[{_UNSPACED}]))"
)

# A full stop after a single capital or one of these, or before a lower-case letter, does not end a sentence.
_ABBREVIATIONS = (
    r"Mr|Mrs|Ms|Dr|Prof|Rev|Gen|Col|Capt|Lt|Sgt|St|Jr|Sr|Hon|vs|No|Nos|Fig|Figs|Eq|Sec|Ch|Vol|Art|Abs|ca|cf|al|p|pp"
    r"|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|Sra|Sras|Srta|Ud|Uds|núm|pág|Nr|Bd|Hrsg|bzw|usw|vgl|Str|z\.B|d\.h|u\.a|[A-Z]"
)
_NOT_ENDED = "".join(rf"(?<!\b{word}\.)" for word in _ABBREVIATIONS.split("|"))
_CLOSING = "[\"'”’»›)\\]]{0,3}"
_SENTENCE_END = (
    f"(?:(?:\\.{_NOT_ENDED}|[!?…؟۔।॥]){_CLOSING}(?=\\s)(?!\\s+[a-zß-öø-ÿа-я])|[。！？｡។៕။][」』】）”’\"']{{0,3}}(?=.))"
)

_CLAUSE_END = f"(?:[，、；：၊][」』】）”’]{{0,3}}(?=\\S)|(?<=[{_PHRASED}])(?=[^\\S\\n]))"

_STACKS = "\u200d\u1039\u17d2\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d"
"""Characters that join the ones before and after them, in emoji, Myanmar, Khmer and the scripts of India."""

PARAGRAPH_END, SENTENCE_END, LINE_END, CLAUSE_END = (
    re.compile(f".*{end}", re.DOTALL)
    for end in (r"\S(?=[^\S\n]*\n[^\S\n]*\n)", _SENTENCE_END, r"\S(?=[^\S\n]*\n)", _CLAUSE_END)
)
WORD_END = re.compile(f".*(?:(?<=\\S)(?=\\s)|{_BETWEEN})", re.DOTALL)
PART_END = re.compile(rf".*(?<=[^\w\s{_STACKS}])(?=\w)", re.DOTALL)
SENTENCE_START = re.compile(f"(?:{_SENTENCE_END}|\\n[^\\S\\n]*\\n)\\s*", re.DOTALL)
CLAUSE_START = re.compile(f"{_CLAUSE_END}[^\\S\\n]*")
WORD_START = re.compile(f"(?<=\\s)(?=\\S)|{_BETWEEN}")

_CLUSTER = 32


def whole_character(text: str, position: int, lowest: int) -> int:
    """The nearest position at or before ``position`` that does not split an accented letter, joined emoji or flag."""
    for candidate in range(position, max(lowest, position - _CLUSTER), -1):
        if not _joins(text[candidate]) and text[candidate - 1] not in _STACKS and not _splits_flag(text, candidate):
            return candidate
    return position


def _joins(character: str) -> bool:
    return (
        character == "\u200d" or "\U0001f3fb" <= character <= "\U0001f3ff" or unicodedata.category(character)[0] == "M"
    )


def _splits_flag(text: str, position: int) -> bool:
    """Whether the position is within a flag, which is a pair of regional indicators counted from their first."""
    if not _is_regional(text[position]):
        return False
    before = text[max(0, position - 2 * _CLUSTER) : position]
    return (len(before) - len(before.rstrip(_REGIONAL))) % 2 == 1


_REGIONAL = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
