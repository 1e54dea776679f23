"""The form of a text in which its words are compared: without case, width, accents and invisible characters."""

# ruff: noqa: RUF001 (letters that look like others)

import re
import unicodedata

_ACCENT = re.compile("(?<=[A-Za-zΑ-ωЕе])[\u0300-\u036f]+")
_TONE = re.compile("[\u1ea0-\u1ef9\u01a0\u01a1\u01af\u01b0\u0309\u031b\u0323]")
"""Letters and marks of Vietnamese, and of a few African languages: words that differ only in these are different."""
_JOINING = re.compile(
    "[\u0300-\u036f\u0483-\u0487\u0653-\u065f\u0700-\u074f\u0780-\u11ff\u1700-\u1cff\u1dc0-\u1dff\u20d0-\u20ff\u302a-\u302f"
    "\u3099\u309a\ua66f-\ua6f1\ua800-\uabff\ud7b0-\ud7ff\ufb1e\ufe20-\ufe2f\uff9e-\uffdc\U00010000-\U0010ffff]"
)
"""Marks, jamo, and the scripts of South and Southeast Asia, whose characters may become one with their neighbours."""
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_TRADE_MARKS = "™℠"
_ARABIC_MARKS = "".join(map(chr, (*range(0x0610, 0x061B), 0x0640, *range(0x064B, 0x0653), 0x0670)))
_HEBREW_MARKS = "".join(map(chr, (*range(0x0591, 0x05BE), 0x05BF, 0x05C1, 0x05C2)))
_LAST_CACHED = 0xFFFF
REMOVED = frozenset(_INVISIBLE + _TRADE_MARKS + _ARABIC_MARKS + _HEBREW_MARKS)
"""Characters that folding leaves out, whatever is next to them."""
_REMOVED: dict[str, str | int] = dict.fromkeys(REMOVED, "")
_UNIFIED = (
    dict.fromkeys("\u2010\u2011\u2212", "-")  # hyphen, non-breaking hyphen, minus
    | {"♯": "#", "№": "No.", "ی": "ي", "ک": "ك"}  # Persian letters as Arabic texts have them
)
_LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "đ": "d",
    "Đ": "D",
}  # fmt: skip


class _Kept(dict[int, str | int]):
    """The table of ``str.translate`` that unifies signs and digits; it grows by the characters that texts have."""

    def __missing__(self, code: int) -> str | int:
        digit = unicodedata.decimal(chr(code), None)
        made = code if digit is None else str(digit)
        if code <= _LAST_CACHED:
            self[code] = made
        return made


class _Folded(dict[int, str | int]):
    """The table of ``str.translate`` that folds a character."""

    def __missing__(self, code: int) -> str | int:
        made = _fold_marked(chr(code))
        if code <= _LAST_CACHED:
            self[code] = made
        return made


_KEPT = _Kept(str.maketrans({**_REMOVED, **_UNIFIED}))
_UNMARKED = _Kept(str.maketrans({**_REMOVED, **_UNIFIED, **_LETTERS}))
_FOLDED = _Folded()
_SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa"}
)


def fold(text: str) -> str:
    """The text without compatibility forms and without Latin and Greek accents; other scripts keep their letters.

    Digits of all scripts become 0 to 9. Vowel marks of Arabic and Hebrew, which few texts write, are left out.
    """
    if text.isascii():
        return text
    return _fold_marked(text) if _JOINING.search(text) else text.translate(_FOLDED)


def is_separate(character: str) -> bool:
    """Whether a character is folded in the same way whatever is next to it."""
    return _JOINING.match(character) is None


def _fold_marked(text: str) -> str:
    """Fold a text whose characters may join the one before them."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNMARKED))
    return unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))


def has_tones(text: str) -> bool:
    """Whether accents distinguish the words of a text, as the tones of Vietnamese do."""
    return not text.isascii() and _TONE.search(text) is not None


def fold_except_tones(text: str) -> str:
    """Fold a text, but keep its accents."""
    return unicodedata.normalize("NFKC", text.translate(_KEPT))


def spell_out(text: str) -> str:
    """The text with umlauts as two letters, as in Mueller for Müller."""
    return unicodedata.normalize("NFC", text).translate(_SPELLED_OUT)
