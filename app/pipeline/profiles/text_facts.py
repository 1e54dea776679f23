"""What the text of a page says about its company: contacts, legal name, address, year of foundation."""

import re
from collections.abc import Iterable, Iterator

from app.domain.profiles import Fact, SourceKind
from app.pipeline.profiles.contacts import find_mails, find_phones, read_phone
from app.pipeline.profiles.countries import find_country

_FORMS = (
    r"GmbH\s*(?:&|und)\s*Co\.?\s*KG(?:aA)?|g?GmbH|UG\s*\(haftungsbeschränkt\)|UG|AG|SE|KGaA|KG|OHG|OG|GbR|mbH|Ges\.?m\.?b\.?H\.?|e\.\s?U\.|e\.\s?V\.|e\.\s?K\.|eG|"
    r"Inc\.?|Incorporated|LLC|L\.L\.C\.|LLP|Ltd\.?|Limited|PLC|plc|Corp\.?|Corporation|Pty\.?\s+Ltd\.?|Co\.,?\s+Ltd\.?|"
    r"S\.A\.S\.?|SAS|S\.A\.R\.L\.|SARL|S\.A\.|SA|S\.L\.U?\.?|S\.r\.l\.|Srl|S\.p\.A\.|SpA|B\.V\.|BV|N\.V\.|NV|Ltda\.?|"
    r"AB|ApS|A/S|ASA|AS|Oyj|Oy|sp\.\s?z\s?o\.\s?o\.|s\.r\.o\.|a\.s\.|Kft\.?|Zrt\.?|d\.o\.o\.|K\.K\.|A\.Ş\."
)
_PLAIN = re.compile(
    rf"(?<![\w.])((?:[A-Z0-9ÄÖÜÉÅØ][\w.&'’+/-]*,?[^\S\n]+(?:(?:&|and|und|et|of|de|der|für)[^\S\n]+)?){{1,6}}(?:{_FORMS}))(?![\w])"  # noqa: RUF001
)
_EAST_ASIAN = re.compile(
    r"((?:株式会社|有限会社|合同会社|주식회사)[^\s|、。,()()]{1,30}|"
    r"[^\s|、。,:: ()()]{1,30}(?:株式会社|有限会社|合同会社|有限公司|주식회사))"
)
_COPYRIGHT = re.compile(r"(?:©|\(c\)|copyright)", re.IGNORECASE)
_LEADING_YEARS = re.compile(r"^(?:(?:copyright|(?:19|20)\d\d)[\s,-]*)+", re.IGNORECASE)
_POSTAL_CODES = r"(?:[A-Z]{1,2}-)?\d{4,6}|\d{2}-\d{3}|\d{3}\s\d{2}|\d{4}-\d{3}|\d{5}-\d{3}"
_CITY = re.compile(
    rf"(?:〒\s?\d{{3}}-\d{{4}}|\b(?:{_POSTAL_CODES})\s+[A-ZÄÖÜÉÅØŁŚ][\w.'’ -]{{1,40}}|"  # noqa: RUF001
    r"\b[A-Z][A-Za-z. ]{1,40},?\s+[A-Z]{2}\s+\d{5}(?:-\d{4})?\b|\b[A-Z]{1,2}\d[A-Z\d]?\s+\d[A-Z]{2}\b)"
)
_ADDRESS_LABEL = re.compile(
    r"^(?:(?:postal |visiting |office )?address|adresse|anschrift|hausanschrift|siège social|sitz|sede(?: legale)?|"
    r"indirizzo|dirección|endereço|adres|地址|住所|所在地|本社|주소)\s*[:：|]\s*",  # noqa: RUF001
    re.IGNORECASE,
)
_STREET = re.compile(r"\d")
_FOUNDED = re.compile(
    r"(?:founded|established|est\.|since|incorporated|gegründet|gründung|seit|fondée?|fundada|depuis|desde|創業|設立|創立)"
    r"(?:\s+(?:in|on|im|jahre?|en|year))*[\s:：|]{0,3}((?:1[6-9]|20)\d\d)(?!\d)",  # noqa: RUF001
    re.IGNORECASE,
)
_LONGEST_LINE = 300
_LINES = 5000
_SHORTEST_NAME, _LONGEST_NAME = 4, 120


def read_text_facts(text: str, country: str | None, *, is_legal: bool) -> Iterator[Fact]:
    """The facts in a text.

    Args:
        text: The text of a page.
        country: The country of the page, for numbers without one.
        is_legal: Whether it is an imprint or a page of contacts, which names the company and its address.
    """
    lines = text.split("\n")[:_LINES]
    stated = next(((code, line) for line in lines if is_legal and (code := _find_country(line))), None)
    where = stated[0] if stated else country
    for mail in find_mails(text):
        yield _fact("emails", mail.value, mail.line)
    for found in find_phones(text):
        if phone := read_phone(found.value, where):
            yield _fact("phones", phone, found.line)
    for line in lines:
        if (is_legal or _COPYRIGHT.search(line)) and (name := _find_legal_name(line)):
            yield _fact("legal_name", name, line)
            break
    if is_legal:
        yield from _find_address(lines)
    if stated:
        yield _fact("country", *stated)
    if founded := _FOUNDED.search(text):
        yield _fact("founded", founded[1], _cut_around(text, founded.start(), founded.end()))


def _fact(field: str, value: str, quote: str) -> Fact:
    return Fact(field, value, SourceKind.TEXT, quote=" ".join(quote.split())[:200])


def _find_legal_name(line: str) -> str | None:
    if len(line) > _LONGEST_LINE:
        return None
    found = _PLAIN.search(line) or _EAST_ASIAN.search(line)
    name = _LEADING_YEARS.sub("", found[1]).strip() if found else ""
    return " ".join(name.split()) if _SHORTEST_NAME <= len(name) <= _LONGEST_NAME else None


def _find_country(line: str) -> str | None:
    """The country that a line consists of, or ends with behind a comma."""
    name = line.strip().rpartition(",")[2].strip(" .*|")
    return find_country(name) if 3 < len(name) <= 40 else None  # noqa: PLR2004


def _find_address(lines: Iterable[str]) -> Iterator[Fact]:
    """The first line that is labelled as an address, or that has a postal code and a city.

    The line before is a part of it where that has the street.
    """
    before = ""
    for row in lines:
        heading, _, line = (part.strip(" |") for part in row.rpartition("|"))  # the last cell of a row of a table
        if not line:
            continue
        label = _ADDRESS_LABEL.match(line)
        if len(line) <= _LONGEST_LINE // 2 and (_CITY.search(line) or (label and len(line) > label.end())):
            short = len(before) <= _LONGEST_LINE // 3 and _STREET.search(before) and "@" not in before
            shown = line[label.end() :] if label else line
            written = f"{before}, {shown}" if short and not label and "," not in line else shown
            yield _fact("address", " ".join(written.split()), line)
            return
        # A row of a table with a heading of its own, such as a date, is no street.
        before = "" if heading and not _ADDRESS_LABEL.match(f"{heading}:") else line


def _cut_around(text: str, start: int, end: int) -> str:
    """The line around a place, at most a hundred characters before and behind it."""
    first = max(text.rfind("\n", 0, start) + 1, start - 100)
    last = text.find("\n", end)
    return text[first : min(last if last >= 0 else len(text), end + 100)]
