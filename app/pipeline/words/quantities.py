"""Dates and numbers in one notation, so that a query finds those that a text writes differently."""

# ruff: noqa: RUF001 (letters of other scripts)

import re
from collections.abc import Sequence

from app.pipeline.words.folding import fold
from app.pipeline.words.times import CLOCK_WORDS, read_time

_MONTHS = """
    january jan januar janvier januari enero gennaio janeiro stycznia styczen ledna leden január ianuarie ocak
        января январь
        січня ιανουαριου ιανουαριος يناير जनवरी tammikuuta januára gener janeiru
    february feb februar fevrier février februari febrero febbraio fevereiro lutego luty února únor február
        februarie şubat
        февраля февраль лютого φεβρουαριου φεβρουαριος فبراير फरवरी helmikuuta febrer
    march mar märz maerz mars maart marzo março marca marzec března březen március martie mart марта март
        березня μαρτιου
        μαρτιος مارس मार्च maaliskuuta marts març
    april apr avril abril aprile kwietnia kwiecien dubna duben április aprilie nisan апреля апрель квітня
        απριλιου απριλιος
        أبريل ابريل अप्रैल huhtikuuta
    may mai mei mayo maggio maio maja maj května květen május mayıs мая май травня μαιου μαιος مايو मई toukokuuta maig
    june jun juni juin junio giugno junho czerwca czerwiec června červen június iunie haziran июня июнь червня
        ιουνιου ιουνιος
        يونيو जून kesäkuuta juny
    july jul juli juillet julio luglio julho lipca lipiec července červenec július iulie temmuz июля июль
        липня ιουλιου ιουλιος
        يوليو जुलाई heinäkuuta juliol
    august aug août aout augustus agosto sierpnia sierpien srpna srpen augusztus ağustos августа август серпня
        αυγουστου
        αυγουστος أغسطس اغسطس अगस्त elokuuta augusti agost
    september sep sept septembre septiembre settembre setembro września wrzesien září szeptember septembrie
        eylül сентября
        сентябрь вересня σεπτεμβριου σεπτεμβριος سبتمبر सितंबर सितम्बर syyskuuta setembre
    october oct okt oktober octobre octubre ottobre outubro października pazdziernik října říjen október
        octombrie ekim октября
        октябрь жовтня οκτωβριου οκτωβριος أكتوبر اكتوبر अक्टूबर lokakuuta
    november nov novembre noviembre novembro listopada listopad listopadu noiembrie kasım ноября ноябрь
        листопада νοεμβριου
        νοεμβριος نوفمبر नवंबर नवम्बर marraskuuta
    december dec dez dezember décembre diciembre dicembre dezembro grudnia grudzien prosince prosinec
        decembrie aralık декабря
        декабрь грудня δεκεμβριου δεκεμβριος ديسمبر दिसंबर दिसम्बर joulukuuta desember desembre
"""
_MONTH_OF = {
    word: number
    for number, names in enumerate(re.split(r"\n {4}(?! )", "\n" + _MONTHS.strip("\n"))[1:], 1)
    for word in fold(names).lower().split()
}
SKIPPED_IN_DATES = frozenset(("de", "del", "of", "d"))
_ISO = re.compile(r"(\d{4})[-./](\d\d?)[-./](\d\d?)")
_DAY_FIRST = re.compile(r"(\d\d?)([-./])(\d\d?)\2(\d{4})")
_ORDINAL = re.compile(r"(\d\d?)(?:st|nd|rd|th|er|o|a)?")
_GROUPED = re.compile(r"(\d{1,3}(?:([.,'’])\d{3})(?:\2\d{3})*)(?:(?!\2)[.,](\d{1,2}))?")
_DECIMAL = re.compile(r"(\d+)[.,](\d{1,2})")
_SHORTENED = re.compile(r"(\d{1,3}(?:[.,]\d{1,3})?)(k|m|mn|mln|mio|bn|mrd|mld)")
"""The number of "$12.5k"."""
_MEASURES = """
    b c g h j k l m n s t v w kg mg cm mm km ml cl dl kb mb gb tb hz khz mhz ghz kw mw gw kwh mah ha lb lbs oz ft mph
    kmh db min sec px pt"""
_UNITS_OF_MEASURE = frozenset(_MEASURES.split())
"""A digit before them is no word of its own where there is no space: "5kg" is the words "kg" and "5kg"."""
_MEASURE = re.compile(r"\d{1,4}(?:[.,]\d{1,2})?")
_SHORT_NUMBER = re.compile(r"(\d{1,3})(?:[.,](\d{1,3}))?")
_WITH_UNIT = re.compile(r"(\d[\d.,'’]*\d)[^\W\d_]{1,4}")
_LONGEST_NUMBER = 40
_MOST_DAYS, _MOST_MONTHS, _YEAR_LENGTH = 31, 12, 4
_POWERS = {
    "thousand": 3, "mil": 3, "tausend": 3, "mille": 3, "тысяч": 3, "million": 6, "millions": 6, "millionen": 6,
    "milliones": 6, "millones": 6, "milioni": 6, "milhoes": 6, "miljoen": 6, "miljoner": 6, "millioner": 6,
    "miliona": 6, "milionow": 6, "milioane": 6, "milyon": 6, "миллион": 6, "миллиона": 6, "миллионов": 6,
    "mio": 6, "mln": 6, "mn": 6, "lakh": 5, "crore": 7, "billion": 9, "bn": 9, "mrd": 9, "mld": 9, "trillion": 12,
    "billions": 9, "milliarden": 9, "milliards": 9, "miliardi": 9, "miljard": 9, "miljarder": 9, "milyar": 9,
    "миллиарда": 9, "миллиардов": 9,
}  # fmt: skip
"""Words after a number, by their power of ten. "Billion" is the English one."""
_SHORT_POWERS = _POWERS | {"k": 3, "m": 6}
"""What may end a number: "m" alone is more often a metre."""
_AFTER_NUMBERS = _POWERS.keys() | CLOCK_WORDS | _UNITS_OF_MEASURE
_SIGNS = {
    "%": "percent prozent procent pourcent percento porcento",
    "‰": "permille promille promil",
    "°": "degree degrees grad",
    "§": "section paragraph",
    "€": "euro euros eur",
    "$": "dollar dollars usd",
    "£": "pound pounds gbp",
    "¥": "yen jpy yuan",
}
UNITS = {sign: tuple(names.split()) for sign, names in _SIGNS.items()} | {
    name: (sign,) for sign, names in _SIGNS.items() for name in names.split()
}
"""The other ways to write a unit."""


def read_dates(compound: str, *, is_query: bool) -> list[str]:
    """The dates that a compound such as ``03.04.2021`` may be, as ``2021-04-03``.

    The day is first, except where it cannot be; with slashes the month may be first too, which only a query
        considers.
    """
    if match := _ISO.fullmatch(compound):
        return _make_dates(match[1], (match[2], match[3]))
    if match := _DAY_FIRST.fullmatch(compound):
        day_first, month_first = (match[3], match[1]), (match[1], match[3])
        dates = _make_dates(match[4], day_first, month_first)
        return dates if is_query and match[2] == "/" else dates[:1]
    return []


def read_quantity(number: str, token: str, words: Sequence[str]) -> list[str]:
    """The date, time, large number or measure that ends with ``token``, whose words are the last of ``words``.

    ``number`` is the token before it where that is a number. A number and its unit are one word, as
    in "5kg".
    """
    if token in _AFTER_NUMBERS:
        return _read_with_word(number, token) if number else []
    is_year = len(token) == _YEAR_LENGTH and token.isdecimal() and token[0] in "12"
    return read_written_date(words) if is_year else []


def _read_with_word(number: str, word: str) -> list[str]:
    if word in _POWERS:
        return read_large_number(number, word)
    if times := read_time(number, word):
        return times
    is_measure = word in _UNITS_OF_MEASURE and _MEASURE.fullmatch(number)
    return [number.replace(",", "").replace(".", "") + word] if is_measure else []


def read_written_date(words: Sequence[str]) -> list[str]:
    """The date that ends with the year at the end of ``words``, as in "7 April" or "April 7"; none where it is none."""
    year = words[-1]
    before = [word for word in words[-5:-1] if word not in SKIPPED_IN_DATES][-2:]
    if len(before) < 2:  # noqa: PLR2004 (a day and a month)
        return []
    first, second = before
    day, month = (first, second) if second in _MONTH_OF else (second, first)
    number, match = _MONTH_OF.get(month), _ORDINAL.fullmatch(day)
    return _make_dates(year, (str(number), match[1])) if number and match else []


def read_numbers(compound: str) -> list[str]:
    """A number without separators of thousands and without final zeros: ``12500`` for ``12.500,00``.

    None where it is a row of numbers: "100 200 300" looks like one in groups, however long it is.
    """
    if len(compound) > _LONGEST_NUMBER:
        return []
    if match := _GROUPED.fullmatch(compound):
        return [_make_number(re.sub(r"\D", "", match[1]), match[3] or "")]
    if match := _DECIMAL.fullmatch(compound):
        return [_make_number(match[1], match[2])]
    if match := _SHORTENED.fullmatch(compound.lower()):
        return read_large_number(match[1], match[2])
    return []


def read_measure(compound: str) -> list[str]:
    """The number of a compound such as "2.5l" and "10,000km", without its separators."""
    match = _WITH_UNIT.fullmatch(compound) if len(compound) <= _LONGEST_NUMBER else None
    return read_numbers(match[1]) if match else []


def read_large_number(number: str, word: str) -> list[str]:
    """The digits of a number such as "1.5 million"; none where it is no such number."""
    match = _SHORT_NUMBER.fullmatch(number)
    if match is None:
        return []
    part = match[2] or ""
    return [(match[1] + part).lstrip("0") + "0" * (_SHORT_POWERS[word] - len(part))]


def _make_dates(year: str, *months_and_days: tuple[str, str]) -> list[str]:
    dates = [
        f"{year}-{int(month):02}-{int(day):02}"
        for month, day in months_and_days
        if 0 < int(month) <= _MOST_MONTHS and 0 < int(day) <= _MOST_DAYS
    ]
    return list(dict.fromkeys(dates))


def _make_number(whole: str, part: str) -> str:
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole
