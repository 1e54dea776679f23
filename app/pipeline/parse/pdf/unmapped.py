"""Recognises text that is none: fonts that map their glyphs to private characters, or to U+FFFD."""

import re

MESSAGE = "Its fonts do not say which characters they show. OCR, where it is on, reads its pages as pictures."
_MEANINGLESS = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")
_SHARE = 0.5


def is_unmapped(text: str) -> bool:
    """Whether most characters of a page have no meaning outside of its fonts. A few may be symbols or bullets."""
    if text.isascii():
        return False
    meaningless = len(_MEANINGLESS.findall(text))
    return meaningless > 0 and meaningless >= _SHARE * len("".join(text.split()))
