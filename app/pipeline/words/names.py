"""Other ways to write names: with signs or with words for them, and as one word or two."""

from collections.abc import Iterator, Sequence

from app.pipeline.words.function_words import is_function_word

_SHORTEST_PART = 2
_OTHERS = {"c++": "cpp", "cpp": "c++"}
_SHARP, _PLUS, _DOT = "sharp", "plus", "dot"


def spell_name(word: str, before: Sequence[str]) -> tuple[str, ...]:
    """Other ways to write a word of a query, and the name that ends with it.

    "C#" is also "csharp", and "c sharp" is also "C#"; ".NET" is "dotnet", and "node js" is "nodejs".

    Args:
        word: The word.
        before: The words before it, at most two, each a token of its own.
    """
    return tuple(dict.fromkeys(_list_others(word, *["", "", *before][-2:])))


def _list_others(word: str, first: str, former: str) -> Iterator[str]:
    if word in _OTHERS:
        yield _OTHERS[word]
    if not word.isalnum():
        yield word.replace("#", _SHARP).replace("+", _PLUS).replace(".", _DOT)
    elif word.startswith(_DOT) and len(word) > len(_DOT) + _SHORTEST_PART:
        yield f".{word.removeprefix(_DOT)}"
    elif word.endswith(_SHARP) and len(word) == len(_SHARP) + 1:
        yield f"{word[0]}#"
    if word == _SHARP and len(former) == 1:
        yield f"{former}#"
    elif word == former == _PLUS and len(first) == 1:
        yield f"{first}++"
    elif former == _DOT:
        yield f".{word}"
    elif _is_part(former) and _is_part(word):
        yield former + word


def _is_part(word: str) -> bool:
    return len(word) >= _SHORTEST_PART and word.isalpha() and not is_function_word(word)
