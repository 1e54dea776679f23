"""Names of months and days in the languages that format codes state, such as ``[$-407]`` for German ([MS-LCID])."""

from typing import NamedTuple

_LANGUAGE_BITS = 0x3FF
"""The lower bits of a locale's number are its language, the upper ones its country."""


class Names(NamedTuple):
    """Names in one language: January first, and Saturday first."""

    months: list[str]
    short_months: list[str]
    days: list[str]
    short_days: list[str]


def _make(months: str, days: str, short_months: str = "", short_days: str = "") -> Names:
    """Names from lists separated by spaces. Short names are the first three letters where none are given."""
    full, weekdays = months.split(), days.split()
    shorter = short_months.split() or [name[:3] for name in full]
    return Names(full, shorter, weekdays, short_days.split() or [name[:3] for name in weekdays])


_ENGLISH = _make(
    "January February March April May June July August September October November December",
    "Saturday Sunday Monday Tuesday Wednesday Thursday Friday",
)
_BY_LANGUAGE = {
    0x07: _make(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Samstag Sonntag Montag Dienstag Mittwoch Donnerstag Freitag",
        "Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        "Sa So Mo Di Mi Do Fr",
    ),
    0x0A: _make(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "sábado domingo lunes martes miércoles jueves viernes",
    ),
    0x0C: _make(
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "samedi dimanche lundi mardi mercredi jeudi vendredi",
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "sam. dim. lun. mar. mer. jeu. ven.",
    ),
    0x10: _make(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "sabato domenica lunedì martedì mercoledì giovedì venerdì",
    ),
    0x13: _make(
        "januari februari maart april mei juni juli augustus september oktober november december",
        "zaterdag zondag maandag dinsdag woensdag donderdag vrijdag",
        "jan feb mrt apr mei jun jul aug sep okt nov dec",
        "za zo ma di wo do vr",
    ),
    0x16: _make(
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "sábado domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira",
    ),
}


def find_names(locale: str) -> Names:
    """The names for a locale's number in hexadecimal digits; English for every other language."""
    try:
        return _BY_LANGUAGE.get(int(locale, 16) & _LANGUAGE_BITS, _ENGLISH)
    except ValueError:
        return _ENGLISH
