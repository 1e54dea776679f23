"""Citations: an answer that arrives in sentences, each checked against the passages that it cites."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.pipeline.answering.marks import Mark, find_marks
from app.pipeline.answering.prompt import FENCE, Passage
from app.pipeline.answering.quotes import Quote, Similarity
from app.pipeline.answering.refusals import is_refusal
from app.pipeline.answering.segments import split_segments
from app.pipeline.answering.support import Claim, Source

_LONGEST_QUOTE = 600
_MOST_GROUPS = 30
"""Marks behind further clauses of the same sentence are not compared with passages, and cite nothing."""
_LIST_OF_SOURCES = re.compile(
    r"\s*(?:[#*_]+\s*)?(?:sources?|references?|citations?|footnotes?|quellen|fuentes|referencias|références|fonti|fontes|bronnen)"
    r"(?:\s*[*_]+)?\s*[::]?(?:\s*[*_]+)?\s*(?:$|\n)|\s*\[\^\d{1,3}\]:",
    re.IGNORECASE,
)
_NO_CLAIM_ENDS = (":", "?", "\uff1a", "\uff1f")
_PUNCTUATION = frozenset('.!?…。！？:;,"”»)')  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the answer as it is released.

    ``text`` begins with the white space that separates it from the sentence before; it contains the marks [1], [2], …
    ``citations`` are the references that it cites: their numbers, and the quotes that support this sentence.
    """

    text: str
    citations: Sequence[tuple[int, Quote]] = ()


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer whose marks [1], [2], … number the quotes.

    ``unsupported`` are the sentences, and the parts of sentences before a mark, that no passage supports. They have no
    mark.
    """

    text: str
    quotes: Sequence[Quote]
    unsupported: Sequence[str] = ()


@dataclass
class _Checked:
    """A sentence on its way, and what no passage supports: the sentence, or the parts of it that have marks."""

    sentence: Sentence
    unsupported: Sequence[str]


@dataclass
class Citer:
    """Checks the sentences of an answer and numbers what they cite.

    Sentences without a supported citation are held back until one has been released, since an answer without any is
    none. References are numbered by passage in the order of their first use; a quote grows where a later sentence
    cites another sentence of the same passage, up to some lines.

    Args:
        passages: The passages that the model received, in their order.
        question: The question that it received.
        similarity: Cosines by a local model; None where there is none.
    """

    passages: Sequence[Passage]
    question: str
    similarity: Similarity | None = None
    quotes: list[Quote] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    text: str = ""
    _held: list[Sentence] = field(default_factory=list)
    _is_listing: bool = False

    def __post_init__(self) -> None:
        """Prepare the passages."""
        self._sources = [Source(number, passage) for number, passage in enumerate(self.passages)]

    def add(self, segment: str) -> list[Sentence]:
        """Check one segment of the answer; returns the sentences that may be shown now."""
        if self._is_listing or _LIST_OF_SOURCES.match(segment):
            self._is_listing = True  # the references of the result take its place
            return []
        checked = self._check(FENCE.sub("", segment))
        if not checked.sentence.text.strip():
            return []
        self.unsupported += checked.unsupported
        self._held.append(checked.sentence)
        return self._release() if self.quotes else []

    def _release(self) -> list[Sentence]:
        released, self._held = self._held, []
        if not self.text and released:
            released[0] = Sentence(released[0].text.lstrip(), released[0].citations)
        self.text += "".join(sentence.text for sentence in released)
        return released

    def _check(self, segment: str) -> _Checked:
        """Find the support of a segment and rewrite its marks."""
        groups = _group(segment, list(find_marks(segment, len(self.passages))))
        plain = _strip_marks(segment, groups)
        whole, text, done, cited, lost = Claim(plain, self.question), "", 0, dict[int, Quote](), list[str]()
        for place, group in enumerate(groups):
            start, end = group[0].start, group[-1].end
            part = self._read_part(segment[done:start], whole) if place < _MOST_GROUPS else whole
            found = self._support(part, group) if place < _MOST_GROUPS else []
            keeps = not found and not any(mark.is_certain for mark in group)
            text += segment[done:end] if keeps else segment[done:start] + self._write(segment[start:end], found)
            lost += [part.text] if part is not whole and not found and not keeps else []
            cited |= dict(found)
            done = end
        text += segment[done:]
        is_claim = not is_refusal(plain) and not plain.endswith(_NO_CLAIM_ENDS) and not whole.is_short
        if not groups and is_claim and (quote := self._find_anywhere(whole)):
            number = self._number(quote)
            cited, text = {number: quote}, _insert(text, f" [{number}]")
        is_marked = any(mark.is_certain for group in groups for mark in group)
        is_claim = is_claim or (is_marked and not is_refusal(plain))
        return _Checked(Sentence(text, tuple(cited.items())), lost if cited else [plain] if is_claim else [])

    def _read_part(self, clause: str, whole: Claim) -> Claim:
        """What a group of marks refers to: the words before it, or the whole sentence where these are too few."""
        part = Claim(" ".join(clause.split()).strip(" .,;"), self.question)
        return whole if part.is_short or part.text == whole.text else part

    def _support(self, claim: Claim, group: Sequence[Mark]) -> list[tuple[int, Quote]]:
        """The references of one group of marks: of the passages named, else of another one that supports the words.

        A sentence that cites several passages may combine them.
        """
        named = [self._sources[number - 1] for number in dict.fromkeys(n for mark in group for n in mark.numbers)]
        alone = ((source, claim.find_support(source, self.similarity)) for source in named)
        found = [quote for source, one in alone if (quote := one or claim.find_support(source, self.similarity, named))]
        if not found and any(mark.is_certain for mark in group):
            others = (source for source in self._sources if source not in named)
            supporting = (claim.find_support(source, self.similarity) for source in others)
            found = [quote for quote in supporting if quote][:1]
        return [(self._number(quote), quote) for quote in found]

    def _find_anywhere(self, claim: Claim) -> Quote | None:
        return next((quote for source in self._sources if (quote := claim.find_support(source, None))), None)

    def _number(self, quote: Quote) -> int:
        """The number of the reference that contains a quote; the reference is added or extended where necessary."""
        for place, known in enumerate(self.quotes):
            start, end = min(known.start, quote.start), max(known.end, quote.end)
            if known.passage == quote.passage and end - start <= max(_LONGEST_QUOTE, len(known.text)):
                text = self.passages[quote.passage].text[start:end]
                self.quotes[place] = Quote(quote.passage, start, end, text)
                return place + 1
        self.quotes.append(quote)
        return len(self.quotes)

    @staticmethod
    def _write(former: str, found: Sequence[tuple[int, Quote]]) -> str:
        """The marks that take the place of former ones, with the space before them."""
        marks = "".join(f"[{number}]" for number in dict.fromkeys(number for number, _ in found))
        space = former[: len(former) - len(former.lstrip())] or " "
        return f"{space}{marks}" if marks else ""


def cite(answer: str, passages: Sequence[Passage], question: str = "", similarity: Similarity | None = None) -> Cited:
    """Check a whole answer: its text with renumbered marks, and the quotes that support it.

    An answer of which no sentence is supported has no quotes and no text.
    """
    citer = Citer(passages, question, similarity)
    for segment in split_segments(answer):
        citer.add(segment)
    return Cited(citer.text, citer.quotes, citer.unsupported)


def _insert(text: str, mark: str) -> str:
    """The text with a mark before the punctuation at its end."""
    place = len(text)
    while place and (text[place - 1].isspace() or text[place - 1] in _PUNCTUATION):
        place -= 1
    return f"{text[:place]}{mark}{text[place:]}"


def _group(segment: str, marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks that follow each other stand behind the same words."""
    groups = list[list[Mark]]()
    for mark in marks:
        if groups and not segment[groups[-1][-1].end : mark.start].strip(" ,;"):
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _strip_marks(segment: str, groups: Sequence[Sequence[Mark]]) -> str:
    """The words of a segment, on one line."""
    plain, done = "", 0
    for group in groups:
        plain += segment[done : group[0].start]
        if not any(mark.is_certain for mark in group):
            plain += segment[group[0].start : group[-1].end]
        done = group[-1].end
    return " ".join((plain + segment[done:]).split())
