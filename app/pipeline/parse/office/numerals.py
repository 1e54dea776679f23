"""Numbers in the forms that Word has for lists and notes (ECMA-376, part 1, 17.18.59); slides have some of them."""

_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_LARGEST_ROMAN = 3999
_MOST_LETTERS = 10
_SEQUENCES = {
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz",
    "russianLower": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "hebrew2": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabicAlpha": "أبتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "arabicAbjad": "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ",
    "chicago": "*†‡§",
}
"""Forms that repeat their letters: a … z, aa, bb, …"""
_SIGNS = {
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "decimalEnclosedCircleChinese": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "decimalEnclosedParen": "⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽⑾⑿⒀⒁⒂⒃⒄⒅⒆⒇",
    "decimalEnclosedFullstop": "⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛",
    "ideographTraditional": "甲乙丙丁戊己庚辛壬癸",
    "ideographZodiac": "子丑寅卯辰巳午未申酉戌亥",
    "ganada": "가나다라마바사아자차카타파하",
    "chosung": "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "aiueoFullWidth": "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン",
    "irohaFullWidth": "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス",
}
"""Forms with a sign for each number; greater numbers are in digits."""
_CHINESE = {
    *("chineseCounting", "chineseCountingThousand", "japaneseCounting", "japaneseLegal", "taiwaneseCounting"),
    *("taiwaneseCountingThousand", "ideographDigital", "koreanDigital", "taiwaneseDigital"),
}
_HAN = "〇一二三四五六七八九"
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_HUNDRED = 100


def write_number(number: int, form: str) -> str:
    """A number as a list shows it; in digits where the form does not have it.

    Args:
        number: The number.
        form: A ``numFmt``, such as ``upperRoman``, or the pattern of a custom one, such as ``001, 002, 003, ...``.
    """
    if form == "none":
        return ""
    if form in _SIGNS and 0 < number <= len(_SIGNS[form]):
        return _SIGNS[form][number - 1]
    if form in _CHINESE and 0 < number < _HUNDRED:
        return _write_han(number)
    lower = "lower" + form.removeprefix("upper") if form.startswith("upper") else form
    lower = "russianLower" if form == "russianUpper" else lower
    text = _write_lower(number, lower)
    return text.upper() if lower != form else text


def _write_lower(number: int, form: str) -> str:
    if form == "lowerRoman" and 0 < number <= _LARGEST_ROMAN:
        return _write_roman(number)
    if form in _SEQUENCES and number > 0:
        letters = _SEQUENCES[form]
        return letters[(number - 1) % len(letters)] * min((number - 1) // len(letters) + 1, _MOST_LETTERS)
    if form in {"cardinalText", "ordinalText"} and number < _HUNDRED:
        return _write_words(number, ordinal=form == "ordinalText").capitalize()
    if form == "ordinal":
        return f"{number}{_ordinal_ending(number)}"
    width = len(form.partition(",")[0]) if form.startswith("0") else 2 * (form == "decimalZero")
    digits = str(number).zfill(min(width, _MOST_LETTERS))
    return f"- {digits} -" if form == "numberInDash" else digits


def _write_roman(number: int) -> str:
    text = ""
    for value, sign in _ROMAN:
        text += sign * (number // value)
        number %= value
    return text


def _write_han(number: int) -> str:
    tens, ones = divmod(number, 10)
    start = f"{_HAN[tens] if tens > 1 else ''}十" if tens else ""
    return start + (_HAN[ones] if ones else "")


def _write_words(number: int, *, ordinal: bool) -> str:
    tens, ones = divmod(number, 10)
    words = [_ONES[number]] if number < len(_ONES) else [_TENS[tens], *([_ONES[ones]] if ones else [])]
    if ordinal:
        last = words[-1]
        regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
        words[-1] = _IRREGULAR.get(last, regular)
    return "-".join(words)


def _ordinal_ending(number: int) -> str:
    if number // 10 % 10 == 1:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
