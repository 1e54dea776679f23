"""Countries: their codes (ISO 3166-1), how their names are written, and their telephone numbers (ITU-T E.164)."""

import re
from functools import cache
from typing import NamedTuple

from babel import Locale

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "tr", "ja", "zh", "ko")
_COMMON = {"usa": "US", "u.s.a.": "US", "u.s.": "US", "united states of america": "US", "uk": "GB", "england": "GB",
           "scotland": "GB", "wales": "GB", "great britain": "GB", "uae": "AE", "holland": "NL"}  # fmt: skip
_CODE = re.compile(r"[A-Z]{2}")
_TOP_LEVEL = re.compile(r"\.([a-z]{2})(?::\d+)?$")
_GENERIC = {"IO", "CO", "ME", "TV", "AI", "FM", "CC", "WS", "SH", "GG", "TO", "LY", "EU", "SU"}
"""Country domains that companies of any country use, and those of no country."""


class Numbering(NamedTuple):
    """The telephone numbers of a country: its code, the trunk prefix that E.164 leaves out, and the digits."""

    code: str
    trunk: str
    shortest: int
    longest: int


_NUMBERING = {
    "US": Numbering("1", "1", 10, 10), "CA": Numbering("1", "1", 10, 10), "GB": Numbering("44", "0", 9, 10),
    "IE": Numbering("353", "0", 7, 10), "DE": Numbering("49", "0", 5, 13), "AT": Numbering("43", "0", 4, 13),
    "CH": Numbering("41", "0", 9, 9), "LI": Numbering("423", "", 7, 9), "FR": Numbering("33", "0", 9, 9),
    "BE": Numbering("32", "0", 8, 9), "NL": Numbering("31", "0", 9, 9), "LU": Numbering("352", "", 5, 11),
    "IT": Numbering("39", "", 6, 11), "ES": Numbering("34", "", 9, 9), "PT": Numbering("351", "", 9, 9),
    "DK": Numbering("45", "", 8, 8), "SE": Numbering("46", "0", 7, 10), "NO": Numbering("47", "", 8, 8),
    "FI": Numbering("358", "0", 5, 11), "IS": Numbering("354", "", 7, 7), "PL": Numbering("48", "", 9, 9),
    "CZ": Numbering("420", "", 9, 9), "SK": Numbering("421", "0", 9, 9), "HU": Numbering("36", "06", 8, 9),
    "RO": Numbering("40", "0", 9, 9), "BG": Numbering("359", "0", 7, 9), "GR": Numbering("30", "", 10, 10),
    "HR": Numbering("385", "0", 8, 9), "SI": Numbering("386", "0", 8, 8), "RS": Numbering("381", "0", 8, 9),
    "EE": Numbering("372", "", 7, 8), "LV": Numbering("371", "", 8, 8), "LT": Numbering("370", "0", 8, 8),
    "UA": Numbering("380", "0", 9, 9), "TR": Numbering("90", "0", 10, 10), "RU": Numbering("7", "8", 10, 10),
    "KZ": Numbering("7", "8", 10, 10), "IL": Numbering("972", "0", 8, 9), "AE": Numbering("971", "0", 8, 9),
    "SA": Numbering("966", "0", 8, 9), "EG": Numbering("20", "0", 8, 10), "ZA": Numbering("27", "0", 9, 9),
    "NG": Numbering("234", "0", 7, 10), "KE": Numbering("254", "0", 9, 9), "MA": Numbering("212", "0", 9, 9),
    "IN": Numbering("91", "0", 10, 10), "CN": Numbering("86", "0", 9, 11), "HK": Numbering("852", "", 8, 8),
    "TW": Numbering("886", "0", 8, 9), "JP": Numbering("81", "0", 9, 10), "KR": Numbering("82", "0", 8, 10),
    "SG": Numbering("65", "", 8, 8), "MY": Numbering("60", "0", 8, 10), "TH": Numbering("66", "0", 8, 9),
    "VN": Numbering("84", "0", 9, 10), "ID": Numbering("62", "0", 8, 12), "PH": Numbering("63", "0", 8, 10),
    "AU": Numbering("61", "0", 9, 9), "NZ": Numbering("64", "0", 8, 10), "MX": Numbering("52", "", 10, 10),
    "BR": Numbering("55", "0", 10, 11), "AR": Numbering("54", "0", 10, 10), "CL": Numbering("56", "", 9, 9),
    "PE": Numbering("51", "0", 8, 9), "UY": Numbering("598", "0", 7, 8),
}  # fmt: skip
"""From the national numbering plans that the ITU publishes (E.129). Other countries need numbers with ``+``."""


@cache
def _list_names() -> dict[str, str]:
    """Codes by the names of countries in the languages above, in lower case."""
    names = dict[str, str]()
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if _CODE.fullmatch(code):
                names.setdefault(str(name).lower(), code)
    return names | _COMMON


def find_country(text: str) -> str | None:
    """The code of the country of this code or name; None if it is neither."""
    given = " ".join(text.split())
    if _CODE.fullmatch(given.upper()) and given.upper() in Locale("en").territories:
        return given.upper()
    return _list_names().get(given.lower())


def find_country_of_host(host: str) -> str | None:
    """The country of a domain such as ``example.co.uk``; None for generic ones."""
    found = _TOP_LEVEL.search(host.lower())
    code = found[1].upper().replace("UK", "GB") if found else ""
    return code if code not in _GENERIC and code in Locale("en").territories else None


def find_numbering(country: str | None) -> Numbering | None:
    """How telephone numbers of a country are made."""
    return _NUMBERING.get(country or "")
