"""Elements within a line whose meaning plain words lose: superscripts, subscripts, deleted text, abbreviations."""

import re

_SIMPLE = re.compile(r"[+\-\u2212\u2013±]?[\w.,]+[+\-\u2212\u2013]?|[+\-\u2212\u2013]|[*†‡\u2032\u2033°\u2217]+")
_NOTE_NUMBER = re.compile(r"\d[\d,\u2013-]*")
_BEFORE_VALUE = re.compile(
    r"(?:[\d)\]}\u2032']|(?<![^\W\d_])(?:[A-Za-z\u00b0-\u024f\u0370-\u03ff\u2126]{1,3}|inch(?:es)?|f(?:oo|ee)t|yards?|miles?"
    r"|met(?:re|er)s?|pixels?|hours?|years?|seconds?))\Z"
)
"""A number, a bracket, a unit or a short symbol, such as a variable. Another word is followed by a note instead."""
_ORDINALS = {
    *("st", "nd", "rd", "th", "er", "re", "ère", "e", "ème", "nde", "o", "a", "os", "as", "ª", "º", "me", "lle", "gr"),
    *("r", "s", "ste", "de", "ter", "bis"),
}
_TRADE_MARKS = {"tm": "™", "sm": "℠", "(r)": "®", "mc": "™"}
_ELEMENT_BEFORE = re.compile(r"(?:[A-Z][a-z]?|[)\]])\Z")
"""A chemical element or a bracket: the number after it is read as part of a formula, as in H2O."""
_SIGNS = re.compile(r"[®©™℠°º\u2032\u2033*†‡§¶#]+")
_LONG = 40
_MAX_TITLE = 200


def write_superscript(text: str, before: str, *, is_note: bool, is_numerator: bool) -> str:
    """A superscript in plain text: ``^6`` where it changes a value, ``[3]`` where it is the mark of a note.

    Args:
        text: The superscript.
        before: The end of the line before it.
        is_note: Whether it leads to a note.
        is_numerator: Whether a slash and a subscript follow it.
    """
    words = " ".join(text.split())
    if is_numerator and words.isdigit():
        return f" {words}" if before[-1:].isdigit() else words
    if words.lower() in _TRADE_MARKS and before[-1:].isalpha():
        words = _TRADE_MARKS[words.lower()]
    if not words or words[0] in "[(^" or len(words) > _LONG or not before or before[-1:].isspace():
        return text
    if is_note or (_NOTE_NUMBER.fullmatch(words) and not _BEFORE_VALUE.search(before)):
        written = f"[{words}]"
    else:
        written = words if _SIGNS.fullmatch(words) else _raise(words, before)
    return f"{written} " if text[-1].isspace() else written


def _raise(words: str, before: str) -> str:
    """A superscript that is no mark of a note: an exponent, or the end of an ordinal or an abbreviation."""
    if words.lower() in _ORDINALS and _reads_as_ordinal(words, before):
        return words
    if not before[-1].isalnum() and before[-1] not in ")]}'\u2032":
        return words
    if words.isalpha() and len(words) > 2 and before[-1].isalpha():  # noqa: PLR2004, longer than an exponent
        return f" {words}"
    return f"^{_group(words)}"


def write_subscript(text: str, before: str) -> str:
    """A subscript in plain text: ``_1`` after a variable or a number, unchanged within a chemical formula."""
    words = " ".join(text.split())
    if not words or len(words) > _LONG or not before or not (before[-1].isalnum() or before[-1] in ")]}"):
        return text
    is_formula = bool(_ELEMENT_BEFORE.search(before) and _SIMPLE.fullmatch(words))
    written = words if is_formula else f"_{_group(words)}"
    return f"{written} " if text[-1].isspace() else written


def write_abbreviation(text: str, title: str | None) -> str:
    """An abbreviation with its long form, where the page states one."""
    long = " ".join((title or "").split())
    if not text.strip() or len(long) <= len(text.strip()) or len(long) > _MAX_TITLE or long[0].isdigit():
        return text
    return f"{text.rstrip()} ({long})"


def write_struck(text: str) -> str:
    """Text that is struck out, marked as in Markdown, because readers see that it is no longer valid."""
    words = text.strip()
    return text.replace(words, f"~~{words}~~", 1) if words else text


def write_quoted(text: str) -> str:
    """A quotation with the marks that browsers add."""
    words = text.strip()
    return text.replace(words, f"“{words}”", 1) if words and words[0] not in "\"“„«'\u2018" else text


def _reads_as_ordinal(words: str, before: str) -> bool:
    """Whether letters belong to the number or the abbreviation before them, as in 1st, 2e, nº and Mme."""
    if before[-1].isdigit():
        return words.lower() not in {"a", "r", "s"} or not words.isascii()
    return words.lower() in {"o", "os", "º", "ª", "me", "lle", "gr", "ste", "er"} and before[-1].isalpha()


def _group(words: str) -> str:
    return words if _SIMPLE.fullmatch(words) else f"({words})"
