"""Recognises binary data that could pass for text in an older encoding or in UTF-16, by the first bytes of a file."""

import unicodedata

from app.pipeline.parse.encoding import EIGHT_BIT

_SAMPLE = 4096
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x08\x1a\x1b") + b"\x7f"
_CONTROL_SHARE = 0.002
"""Texts in an older encoding contain hardly any control characters; valid UTF-8 may contain some, as logs do."""
_SPACES = b" \t\r\n\f"
_SPACE_SHARE = 0.02
_FEW = 64
"""Shorter data are not judged by their spaces."""
_EAST_ASIAN = ("shift_jis_2004", "euc_jp", "gb18030", "big5", "cp949")
"""Encodings of languages that are written without spaces."""
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_SCRIPT_SHARE = 0.9


def is_binary(head: bytes, encoding: str) -> bool:
    """Whether data whose encoding was guessed, without a byte order mark, are no text.

    Args:
        head: The first bytes of the file.
        encoding: As ``guess_encoding`` returns it.
    """
    sample = head[:_SAMPLE]
    if encoding == EIGHT_BIT:
        return _has_controls(head) or (len(sample) >= _FEW and _lacks_spaces(sample))
    return encoding in _WIDE and _mixes_scripts(sample.decode(encoding, "ignore"))


def _has_controls(head: bytes) -> bool:
    return b"\0" in head or len(head) - len(head.translate(None, _CONTROLS)) > len(head) * _CONTROL_SHARE


def _lacks_spaces(sample: bytes) -> bool:
    """Whether there are hardly any spaces, and no encoding of a language without spaces fits."""
    if len(sample) - len(sample.translate(None, _SPACES)) > len(sample) * _SPACE_SHARE:
        return False
    return not any(_decodes(sample, encoding) for encoding in _EAST_ASIAN)


def _decodes(sample: bytes, encoding: str) -> bool:
    return any(_is_valid(sample[: len(sample) - cut], encoding) for cut in range(4))  # the last character may be cut


def _is_valid(sample: bytes, encoding: str) -> bool:
    try:
        sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _mixes_scripts(text: str) -> bool:
    """Whether letters of unrelated scripts are mixed, as numbers are that are taken for characters."""
    scripts: dict[str, int] = {}
    for char in text:
        if char.isalpha():
            script = _name_script(char)
            scripts[script] = scripts.get(script, 0) + 1
    letters = sum(scripts.values())
    plain = scripts.pop("LATIN", 0)
    return letters > 0 and plain + max(scripts.values(), default=0) < letters * _SCRIPT_SHARE


def _name_script(char: str) -> str:
    """The first word of its name; Chinese characters and the two syllabaries of Japanese are one script."""
    word = unicodedata.name(char, "UNKNOWN").partition(" ")[0]
    return "CJK" if word in {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC", "BOPOMOFO"} else word
