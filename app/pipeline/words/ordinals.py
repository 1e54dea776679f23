"""Ordinal numbers in digits and in words: "1st" and "first"."""

_WORDS = {
    "1st 2nd 3rd 4th 5th 6th 7th 8th 9th 10th 11th 12th": (
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    ),
    "1er 2e 3e 4e 5e 6e 7e 8e 9e 10e": (
        "premier deuxieme troisieme quatrieme cinquieme sixieme septieme huitieme neuvieme dixieme"
    ),
    "1re 2eme 3eme 4eme 5eme": "premiere deuxieme troisieme quatrieme cinquieme",
    "1o 2o 3o 4o 5o 6o 7o 8o 9o 10o": "primero segundo tercero cuarto quinto sexto septimo octavo noveno decimo",
    "1a 2a 3a 4a 5a 6a 7a 8a 9a 10a": "primera segunda tercera cuarta quinta sexta septima octava novena decima",
}
"""The words of English, French and Spanish, folded, by how they are written with digits."""


def _index() -> dict[str, tuple[str, ...]]:
    others: dict[str, tuple[str, ...]] = {}
    for digits, words in _WORDS.items():
        for one, other in zip(digits.split(), words.split(), strict=True):
            others[one] = (*others.get(one, ()), other)
            others[other] = (*others.get(other, ()), one)
    return others


ORDINALS = _index()
"""The other ways to write an ordinal number."""
