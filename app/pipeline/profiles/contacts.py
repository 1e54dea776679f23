"""Mail addresses and telephone numbers: which are valid, in one notation, and where a text has them."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from app.pipeline.profiles.countries import find_numbering

_LOCAL = r"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_+-])?"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_MAIL = re.compile(rf"(?<![\w.%+@/-]){_LOCAL}@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}(?![\w@-])", re.ASCII)
_WHOLE_MAIL = re.compile(rf"{_LOCAL}@(?:{_LABEL}\.){{1,8}}[A-Za-z]{{2,24}}", re.ASCII)
_OBFUSCATED = re.compile(r"[^\S\n]{0,3}[\[({][^\S\n]{0,3}(at|dot|punkt)[^\S\n]{0,3}[\])}][^\S\n]{0,3}", re.IGNORECASE)
_FILES = {"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "css", "js", "html", "pdf"}
_PLACEHOLDERS = {"example.com", "example.org", "example.net", "domain.com", "email.com", "yourdomain.com", "test.com"}
_MACHINES = re.compile(r"[0-9a-f]{24,}")
"""The local part of addresses that no person reads, such as keys of error trackers."""

_LABELS = (
    r"tel(?:\.|efon|ephone|éfono|efone|efono|\b)|t[ée]l(?:\.|[ée]phone|\b)|phone|fon\b|mobile?|handy|call(?:\s+us)?|"
    r"hotline|zentrale|puhelin|telefoon|電話(?:番号)?|代表電話|电话|電話號碼|전화|☎|📞|\bt(?=[.:])|\bp(?=[.:])|\bm(?=[.:])"
)
_LABELLED = re.compile(
    rf"(?:{_LABELS})[^\S\n]{{0,3}}(?:\([^)\d\n]{{1,20}}\))?[.:：)]{{0,2}}[^\S\n]{{0,3}}(?:\|[^\S\n]{{0,3}})?"  # noqa: RUF001
    r"((?:\+|00)?[(（]?\d[\d \t()（）./\u2010-\u2013\u00a0-]{4,24}\d)",  # noqa: RUF001
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(r"(?<![\w+/=])\+[1-9](?:[ \t()./\u2010-\u2013\u00a0-]{0,3}\d){6,14}(?!\d)")
_FAX = re.compile(r"fax|télécopie|ファックス|传真|傳真|팩스", re.IGNORECASE)
_SEPARATORS = re.compile(r"\D+")
_TRUNK_IN_BRACKETS = re.compile(r"[(（]\s*0\s*[)）]")  # noqa: RUF001
_EXTENSION = re.compile(r"(?:ext|x|durchwahl|poste|int)\.?\s*\d+.*$", re.IGNORECASE)
_AMERICAN = re.compile(r"\(?[2-9]\d{2}\)?[\s.-]{0,2}[2-9]\d{2}[\s.-]?\d{4}")
_ASCII = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width digits and signs, which Japanese and Chinese pages use."""
_SHORTEST, _LONGEST = 8, 15
_LONGEST_TEXT = 60
_LINE = 2000
"""The characters of a line that are searched."""


class Found(NamedTuple):
    """A contact in a text: its notation here, and the line that has it."""

    value: str
    line: str


def read_mail(text: str) -> str | None:
    """A valid mail address in lower case; None for anything else, such as one with further headers."""
    address = text.strip().lower().removeprefix("mailto:").partition("?")[0]
    address = unquote(address, errors="replace").strip()
    if not _WHOLE_MAIL.fullmatch(address) or ".." in address:
        return None
    local, _, domain = address.partition("@")
    if domain in _PLACEHOLDERS or domain.rpartition(".")[2] in _FILES or _MACHINES.fullmatch(local):
        return None
    return address


def find_mails(text: str) -> Iterator[Found]:
    """The mail addresses of a text, also where "at" and "dot" in brackets take the place of the characters."""
    for line in text.split("\n"):
        plain = _OBFUSCATED.sub(lambda found: "@" if found[1].lower() == "at" else ".", _narrow(line))
        for match in _MAIL.finditer(plain) if "@" in plain else ():
            if address := read_mail(match[0]):
                yield Found(address, line)


def read_phone(text: str, country: str | None) -> str | None:
    """A telephone number in E.164, such as ``+493012345``; None if it is none, or its country is unknown."""
    written = unquote(_narrow(text.strip()[:_LONGEST_TEXT])).removeprefix("tel:").removeprefix("//").partition(";")[0]
    written = _EXTENSION.sub("", written).strip()
    if written.startswith(("+", "00")):
        digits = _SEPARATORS.sub("", _TRUNK_IN_BRACKETS.sub("", written.removeprefix("+")))
        digits = digits.lstrip("0")
        return f"+{digits}" if _SHORTEST <= len(digits) <= _LONGEST and not _is_repeated(digits) else None
    numbering = find_numbering(country)
    digits = _SEPARATORS.sub("", written)
    if numbering is None or _is_repeated(digits):
        return None
    if numbering.code == "1" and not _AMERICAN.fullmatch(written.removeprefix("1").strip(" -.")):
        return None
    if numbering.trunk and digits.startswith(numbering.trunk):
        digits = digits.removeprefix(numbering.trunk)
    elif numbering.trunk == "0":
        return None
    return f"+{numbering.code}{digits}" if numbering.shortest <= len(digits) <= numbering.longest else None


def find_phones(text: str) -> Iterator[Found]:
    """The telephone numbers of a text, as written: those with a label, and those that begin with ``+``. No fax numbers.

    Other numbers look the same: dates, customer and bank account numbers.
    """
    for line in text.split("\n"):
        narrow = _narrow(line)
        if not any(character.isdigit() for character in narrow):
            continue
        for pattern in (_LABELLED, _INTERNATIONAL):
            for match in pattern.finditer(narrow):
                before = narrow[max(0, match.start() - 14) : match.start()]
                if not _FAX.search(f"{before}{match[0]}"):
                    yield Found(match[match.re.groups], line)


def _narrow(line: str) -> str:
    """The beginning of a line that is searched, with full-width characters as ASCII."""
    return line[:_LINE].translate(_ASCII)


def _is_repeated(digits: str) -> bool:
    """Whether a number is a placeholder, such as 0000000000 or 1234567890."""
    return len(set(digits)) <= 2 or "123456789" in digits  # noqa: PLR2004
