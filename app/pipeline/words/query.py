"""A query as the words that search looks for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from app.domain.queries import AskedWord, Query
from app.pipeline.words.accents import find_accented
from app.pipeline.words.compounds import list_ends
from app.pipeline.words.folding import fold, fold_except_tones, has_tones, spell_out
from app.pipeline.words.function_words import ABBREVIATED, LANGUAGES_OF, leave_out_function_words
from app.pipeline.words.grouped_numbers import is_grouped, list_foreign
from app.pipeline.words.languages import choose_languages, list_stems
from app.pipeline.words.lexemes import (
    IS_UNSPACED,
    MAX_LENGTH,
    find_tokens,
    is_plain,
    split_compound,
    split_run,
)
from app.pipeline.words.names import spell_name
from app.pipeline.words.ordinals import ORDINALS
from app.pipeline.words.phrases import read_phrases
from app.pipeline.words.quantities import UNITS, read_dates, read_measure, read_numbers, read_quantity
from app.pipeline.words.times import list_notations, read_times, unify_times

_JOINED = 0.5
"""The weight of joined parts of a compound, whose parts count as well."""
_PART = 0.5
"""The weight of a part of a date, time or long number, which counts as a whole. "3.3.2021" does not ask twice for 3."""
_LETTERS_OF_CODE = 0.3
"""The weight of two or three letters before digits, as in FY2022. Few texts have them alone, so they seem important."""
_OTHER_SPELLING = 0.7
"""The factor of a form in another spelling, such as Mueller for Müller."""
_WITHOUT_TONES = 0.5
"""The factor of a form without tones, which is another word more often than another spelling."""
_END_OF_COMPOUND = 0.3
_MOST_SPELLINGS = 8  # of a word that the query repeats
_SHORTEST_NAME = 5
_UMLAUT = re.compile("(?:ae|oe|(?<![aeq])ue|aa)(?=[b-df-hj-np-tv-z])")
"""How names write umlauts, as in Mueller, Goebel and Aarhus."""
_APOSTROPHE = re.compile("['’]")  # noqa: RUF001
_FRAGMENTS = frozenset(("s", "t", "d", "ll", "re", "ve", "m", "l", "j", "n", "c", "qu"))
"""What an apostrophe separates from a word, and has no meaning alone: "library's", "l'eau"."""
_TURKISH_ENDING = re.compile("[ny]?[aeiu]n?|n?d[ae]n?|t[ae]n?|[dt][ae]ki|y?l[ae]|l[ae]r")
"""What an apostrophe separates from a name in Turkish: "Ankara'daki"."""
_JOINTS = re.compile(r"[\W_]+")
_CODE = re.compile(r"[^\W\d_]{2,3}\d")


@dataclass(slots=True)
class _Given:
    """A word of the query: its weight, its other spellings, and how the query writes it with accents."""

    word: str
    weight: float = 1.0
    spellings: tuple[str, ...] = ()
    is_quantity: bool = False
    accented: str = ""


@lru_cache(maxsize=256)
def read_query(text: str) -> Query:
    """The words of a query. Function words are left out, unless there are no others; a repeated word weighs more.

    Cached, because the steps of a search each read the same query.
    """
    given = _merge(_list_words(text))
    names = [one.word for one in given if not one.is_quantity]
    languages = choose_languages(names)
    kept = set(leave_out_function_words(names))
    words = tuple(_ask(one, languages) for one in given if one.is_quantity or one.word in kept)
    return Query(words, read_phrases(text, languages))


def _merge(given: Iterator[_Given]) -> list[_Given]:
    """Each word once, with the sum of its weights."""
    merged: dict[str, _Given] = {}
    for one in given:
        if known := merged.get(one.word):
            known.weight += one.weight
            known.spellings = (*known.spellings, *one.spellings)[:_MOST_SPELLINGS]
        else:
            merged[one.word] = one
    return list(merged.values())


def _ask(given: _Given, languages: list[str]) -> AskedWord:
    if given.is_quantity:
        return AskedWord(tuple(dict.fromkeys((given.word, *given.spellings))), given.weight)
    accented = map(fold, list_stems(given.accented, languages) if given.accented else ())
    forms = dict.fromkeys((*list_stems(given.word, languages), *accented), 1.0)
    for spelling in given.spellings:
        factor = _WITHOUT_TONES if spelling == fold(given.word) else _OTHER_SPELLING
        forms |= {stem: factor for stem in _stem_spelling(spelling, given.word, languages) if stem not in forms}
    forms |= dict.fromkeys(list_ends(given.word, languages), _END_OF_COMPOUND)
    return AskedWord(tuple(forms), given.weight, tuple(forms.values()), given.word)


def _stem_spelling(spelling: str, word: str, languages: list[str]) -> list[str]:
    """The stems of another spelling; where the word is joined with the one before it, those that are not this one."""
    least = len(spelling) - len(word) + 1 if spelling.endswith(word) else 0
    return [stem for stem in list_stems(spelling, languages) if len(stem) >= least]


def _list_words(text: str) -> Iterator[_Given]:
    """The words of the query in its order, function words included."""
    text = unify_times(text)
    tokens = find_tokens(fold_except_tones(text) if has_tones(text) else fold(text))
    spelled = find_tokens(fold(spell_out(text)))
    accented = find_accented(text)
    former, words, before = "", list[str](), list[str]()
    for token, spelling in zip(tokens, spelled if len(spelled) == len(tokens) else tokens, strict=True):
        lower = token.lower()
        given = [_Given(lower[:MAX_LENGTH])] if is_plain(token, lower) else list(_split(token))
        for one in given:
            words.append(one.word)
            one.accented = accented.get(one.word, "")
            if not (one.spellings or one.is_quantity):
                one.spellings = _list_spellings(one.word, spelling.lower() if one.word == lower else "")
            one.spellings += () if one.is_quantity else spell_name(one.word, before if len(given) == 1 else [])
            yield one
        yield from (_Given(quantity, is_quantity=True) for quantity in read_quantity(former, lower, words))
        before = [*before[-1:], lower] if len(given) == 1 else []
        former = lower


def _split(token: str) -> Iterator[_Given]:
    """The words of a compound, or the pairs of a script without spaces."""
    lower = token.lower()
    if lower in ABBREVIATED:
        return
    if IS_UNSPACED.match(token):
        yield from (_Given(pair.word) for pair in split_run(token, singles=False))
        return
    if quantity := _read_whole(lower):
        yield quantity
        if not read_numbers(lower):
            yield from _list_parts(token)
        return
    words = list(split_compound(token))
    parts = {word.word for word in words if word.step}
    fragments = _find_fragments(token, parts)
    are_joined = not fragments and not parts <= LANGUAGES_OF.keys()
    for word, start, end, step in words:
        if word in fragments:
            continue
        if step or word != _JOINTS.sub("", lower[start:end]):
            unsigned = word.strip(".+#")
            weight = _LETTERS_OF_CODE if _CODE.fullmatch(token, start, end + 1) else 1.0
            yield _Given(word, weight, () if unsigned == word else (unsigned,))
        elif are_joined:
            yield _Given(word, _JOINED)


def _read_whole(compound: str) -> _Given | None:
    """The date, time or number that a compound is; None for another one."""
    whole = _JOINTS.sub("", compound)[:MAX_LENGTH]
    if dates := read_dates(compound, is_query=True):
        forms = (*dates, whole)
    elif times := read_times(compound):
        forms = (*times, *list_notations(times[0]), whole)
    elif numbers := read_numbers(compound) or read_measure(compound):
        forms = (*numbers, whole)
    elif is_grouped(compound):
        forms = (whole, *list_foreign(whole))
    else:
        return None
    return _Given(forms[0], spellings=forms[1:], is_quantity=True)


def _list_parts(token: str) -> list[_Given]:
    """The parts of a date, a time or a long number. All of them weigh at most as much as the whole."""
    parts = dict.fromkeys(word.word for word in split_compound(token) if word.step)
    return [_Given(part, min(_PART, 1 / len(parts))) for part in parts]


def _find_fragments(token: str, parts: set[str]) -> set[str]:
    """The parts of a compound that have no meaning alone. An ending is one only where the compound has another part."""
    if not _APOSTROPHE.search(token):
        return set()
    fragments = parts & _FRAGMENTS
    endings = {part for part in parts if _TURKISH_ENDING.fullmatch(part)}
    return fragments | endings if parts - fragments - endings else fragments


def _list_spellings(word: str, spelled_out: str) -> tuple[str, ...]:
    """Other ways to write a word: a sign or an ordinal number as a word, without tones, and with or without umlauts."""
    short = _UMLAUT.sub(lambda match: match[0][0], word) if len(word) >= _SHORTEST_NAME else word
    same = (*UNITS.get(word, ()), *ORDINALS.get(word, ()), *list_foreign(word))
    others = dict.fromkeys((fold(word), spelled_out, short, *same))
    return tuple(other for other in others if other and other != word)
