"""Cutting a document's text into overlapping pieces that keep their exact place in it.

Every chunk is found by looking backwards from the furthest point it may reach, for the best place to
stop: the end of a paragraph, of a sentence, of a line, of a word. The patterns begin with a greedy
``.*``, so the regular expression engine itself walks backwards and stops at the last match: each
character is looked at a bounded number of times, whatever the text.
"""

# ruff: noqa: RUF001 (punctuation of other scripts is what this is about)

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from app.domain.documents import PAGE_BREAK, Chunk, Page

# Scripts written without spaces: Thai to Myanmar, Khmer, kana, Han, and full-width forms. They may be cut
# between any two characters, but not before closing marks, small kana or vowel signs, nor after opening ones.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
_NOT_FIRST = (
    "\\W、。，．・：；！？）」』】〉》〕｝”’々ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ"
    "\u0e2f-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebd\u0ec6-\u0ecd\u102b-\u103e\u17b4-\u17d3"
)
_NOT_LAST = "（「『【〈《〔｛“‘\u0e40-\u0e44\u0ec0-\u0ec4"
_BETWEEN = f"(?<![{_NOT_LAST}\\s])(?=[^{_NOT_FIRST}])(?:(?<=[{_UNSPACED}])|(?=[{_UNSPACED}]))"

# A full stop after a lone initial or one of these, or before a small letter, ends nothing.
_ABBREVIATIONS = (
    r"Mr|Mrs|Ms|Dr|Prof|Rev|Gen|Col|Capt|Lt|Sgt|St|Jr|Sr|Hon|vs|No|Nos|Fig|Figs|Eq|Sec|Ch|Vol|Art|Abs|ca|cf|al|p|pp"
    r"|e\.g|i\.e|approx|Inc|Ltd|Co|Corp|Sra|Sras|Srta|Ud|Uds|núm|pág|Nr|Bd|Hrsg|bzw|usw|vgl|Str|z\.B|d\.h|u\.a|[A-Z]"
)
_NOT_ENDED = "".join(rf"(?<!\b{word}\.)" for word in _ABBREVIATIONS.split("|"))
_CLOSING = "[\"'”’»›)\\]]{0,3}"
_SENTENCE_END = (
    f"(?:(?:\\.{_NOT_ENDED}|[!?…؟۔।॥]){_CLOSING}(?=\\s)(?!\\s+[a-zß-öø-ÿа-я])|[。！？｡][」』】）”’\"']{{0,3}}(?=.))"
)

_ENDS = tuple(
    re.compile(f".*{end}", re.DOTALL)
    for end in (r"\S(?=[^\S\n]*\n[^\S\n]*\n)", _SENTENCE_END, r"\S(?=[^\S\n]*\n)")  # paragraph, sentence, line
)
_WORD_END = re.compile(f".*(?:(?<=\\S)(?=\\s)|{_BETWEEN})", re.DOTALL)
_PART_END = re.compile(r".*(?<=[^\w\s])(?=\w)", re.DOTALL)
_SENTENCE_START = re.compile(f"(?:{_SENTENCE_END}|\\n[^\\S\\n]*\\n)\\s*", re.DOTALL)
_WORD_START = re.compile(f"(?<=\\s)(?=\\S)|{_BETWEEN}")
_SPACE = re.compile(r"\s*")


def split(pages: Iterable[Page], size: int = 1000, overlap: int = 200) -> Iterator[Chunk]:
    """Cut pages into chunks, in order.

    A chunk stays within its page, begins and ends with a character that is not white space, and never
    cuts a word, except where a single unbroken run is longer than ``size``. Every character that is not
    white space is in at least one chunk, and no chunk lies within another.

    Args:
        pages: The document's pages, in order.
        size: Characters a chunk at most.
        overlap: About how many characters a chunk repeats of the one before it on the same page,
            fewer where a sentence or word begins later.

    Raises:
        ValueError: unless ``0 <= overlap < size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"overlap must be from 0 to size - 1, got size {size} and overlap {overlap}")
    return _chunks(pages, size, overlap)


def find_sentences(text: str) -> Iterator[tuple[int, int]]:
    """The sentences of a text, ``text[start:end]``, in order and without white space at their ends."""
    starts = [_skip_space(text, 0), *(match.end() for match in _SENTENCE_START.finditer(text)), len(text)]
    for start, following in pairwise(starts):
        end = start + len(text[start:following].rstrip())
        if end > start:
            yield start, end


def _chunks(pages: Iterable[Page], size: int, overlap: int) -> Iterator[Chunk]:
    index = offset = 0
    for page in pages:
        for start, end in _spans(page.text, size, overlap):
            yield Chunk(index, page.text[start:end], offset + start, offset + end, page.number)
            index += 1
        offset += len(page.text) + len(PAGE_BREAK)


def _spans(text: str, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    start = done = _skip_space(text, 0)
    stop = len(text.rstrip())
    while stop - start > size:
        end = _find_end(text, start, done, start + _wish(stop - start, size, overlap), start + size)
        if end is None:  # the next word fits only without the overlap
            start = done = _skip_space(text, done)
            continue
        yield start, end
        start, done = _find_start(text, start, end, overlap), end
    if done < stop:
        yield start, stop


def _wish(rest: int, size: int, overlap: int) -> int:
    """How long the next chunk had best be: rather two of like length at the end than a full one and a scrap."""
    return min(size, (rest + overlap) // 2) if rest < size + size // 2 else size


def _find_end(text: str, start: int, done: int, wish: int, limit: int) -> int | None:
    """The best end up to ``wish``, else one up to ``limit``; None when only an end up to ``done`` cuts no word."""
    half = max((start + wish) // 2, done)
    for pattern in _ENDS:
        if match := pattern.match(text, half, wish + 1):
            return match.end()
    for furthest in sorted({wish, limit}):
        word = _WORD_END.match(text, start + 1, furthest + 1)
        if word and word.end() > done:
            return word.end()
    if word:
        return None
    part = _PART_END.match(text, half + 1, limit)
    return part.end() if part else _whole_character(text, limit, max(start, done) + 1)


def _find_start(text: str, start: int, end: int, overlap: int) -> int:
    """Where the chunk after ``start:end`` begins: at a sentence or word in the overlap, else at what follows."""
    earliest = max(end - overlap, start + 1)
    sentence = _SENTENCE_START.search(text, earliest - 1, (earliest + end) // 2)
    if sentence and sentence.end() >= earliest:
        return _skip_space(text, sentence.end())
    if word := _WORD_START.search(text, earliest, end):
        return word.start()
    if not overlap or text[end].isspace() or _WORD_START.match(text, end):
        return _skip_space(text, end)
    return _skip_space(text, _whole_character(text, earliest, start))


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _whole_character(text: str, position: int, lowest: int) -> int:
    """The nearest place at or before ``position`` that splits no accented letter or joined emoji."""
    for candidate in range(position, max(lowest, position - 32), -1):
        if not _joins(text[candidate]) and text[candidate - 1] != "\u200d":
            return candidate
    return position


def _joins(character: str) -> bool:
    return (
        character == "\u200d" or "\U0001f3fb" <= character <= "\U0001f3ff" or unicodedata.category(character)[0] == "M"
    )
