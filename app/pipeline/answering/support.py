"""Whether a passage supports a sentence of an answer: by words, numbers, names, negation and meaning."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.pipeline.answering.numbers import list_numbers, list_values
from app.pipeline.answering.prompt import Passage
from app.pipeline.answering.quotes import Quote, Similarity
from app.pipeline.chunking.chunk import find_sentences
from app.pipeline.words.function_words import count_function_words, is_function_word
from app.pipeline.words.languages import list_stems
from app.pipeline.words.lexemes import lexemes, split_words
from app.pipeline.words.query import read_query

_ENOUGH_WORDS = 0.5
"""The least share of a sentence's words that a passage must have."""
_SOME_WORDS = 0.25
"""With this share, meaning decides."""
_SIMILAR = 0.6
_SIMILAR_ABROAD = 0.4
"""The least cosine between sentences of different languages, which have few words in common."""
_SAME_SENTENCE = 0.6
"""With this share of a sentence's words, a sentence of the passage says the same, or the contrary."""
_FEW_WORDS = 2
_LONGEST_LINES = 2_000
"""The largest number of characters of a sentence without its first lines: each line of a table gives such a part."""
_SCRIPTS = re.compile(
    r"([a-z\u00c0-\u024f])|([\u0370-\u03ff])|([\u0400-\u04ff])|([\u0590-\u08ff])|([\u0900-\u0dff])|([\u0e00-\ud7ff])"
)
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|without|cannot|\w+n['’]t|nicht|kein\w*|nie|niemals|ohne|ne|pas|jamais|sans|sin|"  # noqa: RUF001
    r"nunca|jamás|non|mai|senza|não|sem|niet|geen|nooit|zonder|не|нет|без|никогда)\b|[不没沒無无]|ない|ません",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(
    r"\W*(?:yes|no|ja|nein|nee|sí|si|oui|non|sì|não|sim|да|нет|evet|hayır|ναι|όχι|نعم|لا|是的?|不是|はい|いいえ)(?=\s*(?:[^\w\s]|$))",  # noqa: RUF001
    re.IGNORECASE,
)
_WORD = re.compile(r"(?<![\w'’])[^\W\d_][\w'’-]*")  # noqa: RUF001
_SENTENCE_INITIAL = re.compile(r"(?:^|[.!?:;\n•*\"“„«(\[—–-])\W*$")  # noqa: RUF001
_GAP = re.compile(r"[ -]")
_CALENDAR = """
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday i
"""
_NOT_NAMES = frozenset(_CALENDAR.split())


@dataclass(frozen=True, slots=True)
class _Span:
    """A sentence of a passage, or its last lines: its place, the lexemes in it and the values of its numbers."""

    start: int
    end: int
    found: frozenset[str]
    values: frozenset[str]


class Source:
    """A passage as the evidence for sentences. What is computed from it is kept."""

    def __init__(self, number: int, passage: Passage) -> None:
        self.number = number
        self.passage = passage

    @cached_property
    def context(self) -> str:
        """Everything that the model received with the passage."""
        passage = self.passage
        return f"{passage.name}\n{passage.heading}\n{passage.text}"

    @cached_property
    def found(self) -> frozenset[str]:
        """The lexemes of the passage and its names."""
        return frozenset(lexemes(self.context))

    @cached_property
    def values(self) -> frozenset[str]:
        """The numbers of the passage and its names."""
        return list_values(self.context)

    @cached_property
    def language(self) -> tuple[int, str]:
        """The script and the language of the passage."""
        return _guess(self.passage.text)

    @cached_property
    def spans(self) -> list[_Span]:
        """The sentences, also without the lines that they begin with: headings and other rows of a table."""
        pieces = ((start, end, self.passage.text[start:end]) for start, end in self._cut())
        return [_Span(start, end, frozenset(lexemes(piece)), list_values(piece)) for start, end, piece in pieces]

    def _cut(self) -> Iterator[tuple[int, int]]:
        text = self.passage.text
        for start, end in find_sentences(text):
            yield start, end
            first = max(start, end - _LONGEST_LINES)
            for line in re.finditer(r"\n\s*(?=\S)", text[first:end]):
                yield first + line.end(), end


class Claim:
    """A sentence of an answer, or the part of it that a mark refers to.

    Args:
        text: The sentence without marks.
        question: The question: its words and numbers may be repeated in an answer without evidence.
    """

    def __init__(self, text: str, question: str) -> None:
        self.text = text
        asked = frozenset((*lexemes(question), *read_query(question).lexemes))
        words = [frozenset(word.lexemes) for word in read_query(text).words]
        self.words = [word for word in words if not any(map(_NEGATION.fullmatch, word))]
        self.is_yes_or_no = _is_yes_or_no(text, asked)
        if self.is_yes_or_no:  # it says what the question asks
            self.words = [frozenset(word.lexemes) for word in read_query(question).words]
        self._new = [word for word in self.words if asked.isdisjoint(word)]
        known = list_values(question)
        self._numbers = [number for number in list_numbers(text) if known.isdisjoint(number)]
        self._rows = [[_list_forms(name) for name in row] for row in _list_names(text)]
        self._asked = asked

    @property
    def is_short(self) -> bool:
        """Whether there are too few words to find a passage by them."""
        return self.is_yes_or_no or (len(self.words) < _FEW_WORDS and not self._numbers)

    def find_support(
        self, source: Source, similarity: Similarity | None = None, named: Sequence[Source] = ()
    ) -> Quote | None:
        """The sentence of a passage that supports this one best; None if the passage does not support it.

        Args:
            source: The passage.
            similarity: Cosines by a local model.
            named: The passages that support this sentence together, if it cites several.
        """
        others = frozenset[str]().union(*(other.found for other in named if other is not source))
        found = source.found | others
        values = source.values.union(*(other.values for other in named))
        if not (self.words or self._numbers) or not source.spans:
            return None
        if others and not any(word & source.found and word.isdisjoint(others) for word in self.words):
            return None
        if not all(number & values for number in self._numbers):
            return None
        is_abroad = self._is_abroad(source)
        if not self._has_names(found | self._asked, is_abroad=is_abroad):
            return None
        best: _Span | None = max(source.spans, key=lambda span: (self._measure(span), span.start - span.end))
        words = self._new or self.words
        if best and not is_abroad and (_share(words, source.found) < _SOME_WORDS or self._contradicts(source, best)):
            return None
        if _share(words, found) < _ENOUGH_WORDS or not _share(self.words, found):
            best = self._find_similar(source, best, similarity, is_abroad=is_abroad)
        return Quote(source.number, best.start, best.end, source.passage.text[best.start : best.end]) if best else None

    def _has_names(self, found: frozenset[str], *, is_abroad: bool) -> bool:
        """Whether a passage has all names. One of a German row is enough abroad: "Lager Ostermark" has a noun."""
        enough = any if is_abroad and _guess(self.text)[1] == "german" else all
        return all(enough(bool(name & found) for name in row) for row in self._rows)

    def _measure(self, span: _Span) -> float:
        """How much of this sentence a span has. New words and numbers count twice: they are the answer."""
        found = sum(not word.isdisjoint(span.found) for word in (*self.words, *self._new))
        return found + 2 * sum(not number.isdisjoint(span.values) for number in self._numbers)

    def _contradicts(self, source: Source, best: _Span) -> bool:
        """Whether the best span has most of the words, and only one of the two is negated.

        The negation of this sentence may also come from another span that has some of its words.
        """
        words, text = self._new or self.words, source.passage.text
        if self.is_yes_or_no or _share(words, best.found) < _SAME_SENTENCE:
            return False
        if not _NEGATION.search(self.text):
            return bool(_NEGATION.search(text[best.start : best.end]))
        related = (span for span in source.spans if _share(words, span.found) >= _SOME_WORDS)
        return not any(_NEGATION.search(text[span.start : span.end]) for span in related)

    def _is_abroad(self, source: Source) -> bool:
        """Whether the passage is in another language. A text without function words may be in any."""
        script, language = _guess(self.text)
        other_script, other = source.language
        return script != other_script or ("" not in {language, other} and language != other)

    def _find_similar(
        self, source: Source, best: _Span | None, similarity: Similarity | None, *, is_abroad: bool
    ) -> _Span | None:
        """The span that is most similar in meaning; the best by words if numbers and names agree across languages."""
        if is_abroad and (self._numbers or self._rows):
            return best
        if similarity is None:
            return None
        text = source.passage.text
        cosines = similarity(self.text, [text[span.start : span.end] for span in source.spans])
        place = max(range(len(cosines)), key=lambda place: cosines[place])
        return source.spans[place] if cosines[place] >= (_SIMILAR_ABROAD if is_abroad else _SIMILAR) else None


def _is_yes_or_no(text: str, asked: frozenset[str]) -> bool:
    """Whether a sentence is a yes or no, with hardly anything behind it that the question does not have."""
    match = _YES_OR_NO.match(text)
    if match is None:
        return False
    words, _ = split_words(text[match.end() :], singles=False)
    rest = [word for word in words if not (is_function_word(word) or _NEGATION.fullmatch(word))]
    return len(rest) < _FEW_WORDS and not any(asked.isdisjoint(list_stems(word)) for word in rest)


def _share(words: Sequence[frozenset[str]], found: frozenset[str]) -> float:
    return sum(not word.isdisjoint(found) for word in words) / len(words) if words else 1.0


def _list_forms(name: str) -> frozenset[str]:
    """The lexemes of a name and its parts in every language: one word does not say in which it is."""
    words, _ = split_words(name, singles=False)
    return frozenset(stem for word in words for stem in (word, *list_stems(word)))


def _list_names(text: str) -> list[list[str]]:
    """Rows of words that are names by their capitals. In German every noun has one: only words in a row count there."""
    found = [match for match in _WORD.finditer(text) if match[0][0].isupper()]
    inner = [not _SENTENCE_INITIAL.search(text[max(0, match.start() - 20) : match.start()]) for match in found]
    is_german = _guess(text)[1] == "german"
    rows, last = list[list[str]](), -2
    for place, match in enumerate(found):
        neighbours = (other for other in (place - 1, place + 1) if 0 <= other < len(found) and inner[other])
        is_in_row = any(_GAP.fullmatch(_between(text, match, found[other])) for other in neighbours)
        is_name = inner[place] and (is_in_row or not is_german)
        if (is_name or sum(map(str.isupper, match[0])) > 1) and match[0].lower() not in _NOT_NAMES:
            if last == place - 1 and _GAP.fullmatch(_between(text, match, found[last])):
                rows[-1].append(match[0])
            else:
                rows.append([match[0]])
            last = place
    return rows


def _between(text: str, one: re.Match[str], other: re.Match[str]) -> str:
    return text[min(one.end(), other.end()) : max(one.start(), other.start())]


def _guess(text: str) -> tuple[int, str]:
    """The script of most letters, and the language; "" where no function word suggests one."""
    counts = [0] * 7
    for match in _SCRIPTS.finditer(text[:2000].lower()):
        counts[match.lastindex or 0] += 1
    script = max(range(7), key=counts.__getitem__)
    of_languages = count_function_words(split_words(text[:2000], singles=False)[0])
    return script, max(of_languages, key=lambda language: of_languages[language], default="")
