"""Numbers of list items in letters and Roman numerals."""

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_LARGEST_ROMAN = 3999
_ALPHABET = 26


def write_roman(number: int) -> str:
    """A Roman numeral in lower case; empty for numbers that have none."""
    if not 0 < number <= _LARGEST_ROMAN:
        return ""
    text = ""
    for value, sign in _ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def write_letters(number: int) -> str:
    """Letters from a to z, then aa, ab and so on, as web pages and spreadsheets count; empty below 1."""
    text = ""
    while number > 0:
        number, digit = divmod(number - 1, _ALPHABET)
        text = chr(ord("a") + digit) + text
    return text
