"""Answers without a language model: the few pieces of passages that answer a question best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.pipeline.answering.answer_types import asks_definition, find_answer_type, has_answer, split_definition
from app.pipeline.answering.matching import Match, QuestionWords
from app.pipeline.answering.pieces import LONGEST, Piece, list_pieces
from app.pipeline.words.function_words import leave_out_function_words
from app.pipeline.words.lexemes import split_words

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""The cosines of a text with others, by a local model."""

MAX_QUOTES = 4
_PASSAGES = 10
"""The number of passages that pieces are taken from."""
_RANK, _TYPE, _DEFINITION, _TITLE = 2.5, 0.2, 0.3, -0.5
"""The weights of the score of a piece's passage, of the type of answer, of a definition and of a title.

The share of the question's words that the piece has counts 1. docs/answers.md has the measurements.
"""
_ABOVE = 0.8
"""The weight of the words that only the heading or question above a piece has."""
_MEANING = 0.7
"""The weight of the cosine of a piece and the question."""
_COMPARED = 24
"""The number of pieces, the best by words, that are compared by meaning."""
_WHOLE = 0.99
"""The least strength of a word that a piece has itself."""
_ENOUGH = 0.6
"""A further quote needs this part of the first one's value."""


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that search found. ``context`` is the headings and table header above it, ``names`` its document's."""

    text: str
    context: str = ""
    names: str = ""
    score: float = 0.0

    @property
    def indexed(self) -> str:
        """Everything whose words find the passage."""
        return f"{self.names}\n{self.context}\n{self.text}"


@dataclass(frozen=True, slots=True)
class Quote:
    """A part of a passage: ``passages[passage].text[start:end]``. ``shown`` is what an answer shows of it."""

    passage: int
    start: int
    end: int
    text: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A piece of the passage with number ``passage``, how well it has each word of the question, and its value.

    ``is_asked`` is whether the question asks what something is.
    """

    passage: int
    piece: Piece
    strengths: tuple[float, ...]
    value: float
    has_type: bool | None
    is_title: bool
    is_asked: bool

    def overlaps(self, other: "_Candidate") -> bool:
        """Whether both show the same text, or share a part of one passage."""
        if self.piece.shown == other.piece.shown:
            return True
        is_before = self.piece.end <= other.piece.start or other.piece.end <= self.piece.start
        return self.passage == other.passage and not is_before

    def is_about_less(self, other: "_Candidate") -> bool:
        """Whether the other one has a word of the question that this one lacks, and so is about something else.

        This is said of rows and entries, and where the other one has all words and the type of answer, or is what the
        question asks the definition of.
        """
        if self.piece.is_item and other.piece.is_item:
            return any(own < strength for own, strength in zip(self.strengths, other.strengths, strict=True))
        has_type = other.is_asked if other.has_type is None else other.has_type
        is_complete = has_type and all(strength >= _WHOLE for strength in other.strengths)
        return is_complete and not all(strength >= _WHOLE for strength in self.strengths)


def choose_quotes(
    question: str, asked: QuestionWords, passages: Sequence[Found], similarity: Similarity | None = None
) -> list[Quote]:
    """The pieces that answer ``question``, best first, together at most 350 characters, or one longer row.

    A piece is valued by its words and by its passage. Each further one must add a word of the question, or have the
    type of answer that it asks for and not be about something else.

    Args:
        question: The question.
        asked: Its words.
        passages: Texts found by search, best first.
        similarity: Cosines by a local model; None where there is none.
    """
    candidates = sorted(_list_candidates(question, asked, passages[:_PASSAGES]), key=_rate)
    if similarity and candidates:
        candidates = sorted(_compare(question, candidates[:_COMPARED], similarity), key=_rate)
    chosen: list[_Candidate] = []
    covered = [0.0] * len(asked.words)
    left = LONGEST
    for candidate in candidates:
        length = len(candidate.piece.shown)
        if len(chosen) == MAX_QUOTES or (chosen and candidate.value < _ENOUGH * chosen[0].value):
            break
        if chosen and (length > left or not _adds(candidate, covered, chosen)):
            continue
        chosen.append(candidate)
        left -= length
        covered = [max(pair) for pair in zip(covered, candidate.strengths, strict=True)]
    return [_quote(candidate, passages[candidate.passage].text) for candidate in chosen]


def _rate(candidate: _Candidate) -> float:
    return -candidate.value


def _compare(question: str, candidates: Sequence[_Candidate], similarity: Similarity) -> list[_Candidate]:
    """Candidates whose value contains how similar they are to the question by meaning."""
    cosines = similarity(question, [candidate.piece.shown for candidate in candidates])
    return [
        replace(candidate, value=candidate.value + _MEANING * cosine)
        for candidate, cosine in zip(candidates, cosines, strict=True)
    ]


def _list_candidates(question: str, asked: QuestionWords, passages: Sequence[Found]) -> list[_Candidate]:
    first = max((passage.score for passage in passages), default=0.0)
    kind = find_answer_type(question)
    is_definition = asks_definition(question)
    candidates: list[_Candidate] = []
    for number, passage in enumerate(passages):
        rank = passage.score / first if first > 0 else 1 / (1 + number)
        for piece in list_pieces(passage.text, passage.context):
            match = asked.match(piece.shown)
            has_type = has_answer(kind, question, piece.shown) if kind else None
            is_title = piece.is_title or not _says_more(piece.shown, match)
            strengths = _match_above(asked, piece, match)
            value = _RANK * rank + asked.share(strengths) + _TITLE * is_title
            value += _TYPE * (1 if has_type else -1) if kind else 0.0
            value += _DEFINITION if is_definition and _defines(asked, piece.shown) else 0.0
            candidates.append(_Candidate(number, piece, strengths, value, has_type, is_title, is_definition))
    return candidates


def _match_above(asked: QuestionWords, piece: Piece, match: Match) -> tuple[float, ...]:
    """How well a piece has each word of the question, itself or by the heading or question above it."""
    if not piece.above:
        return match.strengths
    above = asked.match(piece.above).strengths
    return tuple(max(own, _ABOVE * other) for own, other in zip(match.strengths, above, strict=True))


def _adds(candidate: _Candidate, covered: Sequence[float], chosen: Sequence[_Candidate]) -> bool:
    """Whether a candidate has something that the chosen ones lack, and no part in common with them."""
    if candidate.is_title or any(candidate.overlaps(other) for other in chosen):
        return False
    has_word = any(candidate.strengths) if candidate.has_type is None else False
    is_new = any(strength > former for strength, former in zip(candidate.strengths, covered, strict=True))
    if not is_new and any(candidate.is_about_less(other) for other in chosen):
        return False
    return is_new or has_word or candidate.has_type is True


def _says_more(text: str, match: Match) -> bool:
    """Whether a text has a word that the question lacks, function words apart."""
    words = set(leave_out_function_words(split_words(text, singles=False)[0]))
    return len(words) > sum(strength > 0 for strength in match.strengths)


def _defines(asked: QuestionWords, text: str) -> bool:
    """Whether a text says first, and in few other words, what the question asks the meaning of."""
    if (parts := split_definition(text)) is None:
        return False
    subject, _ = parts
    match = asked.match(subject)
    return asked.share(match.strengths) >= 0.8 and match.length <= len(asked.words) + 4  # noqa: PLR2004


def _quote(candidate: _Candidate, text: str) -> Quote:
    piece = candidate.piece
    return Quote(candidate.passage, piece.start, piece.end, text[piece.start : piece.end], piece.shown)
