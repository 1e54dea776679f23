"""What kind of answer a question asks for, and whether a text has one: a date or number, a name, or a definition."""

# ruff: noqa: RUF001 (letters of other scripts)

import re
from enum import StrEnum

_NUMBER = re.compile(
    r"\b(?:when|how (?:many|much|old|long|far|tall|high|large|big|often|fast|deep|heavy)"
    r"|(?:what|which|in what|in which) (?:year|date|day|month|century|percent\w*)"
    r"|cu[aá]ndo|cu[aá]nt[oa]s?|qu[eé] (?:año|siglo)|wann|welche[mns]? jahr\w*"
    r"|wie ?viele?|wie (?:lange|hoch|alt|groß|weit|schwer)"
    r"|quand|combien|quelle (?:année|date)|quando|quant[ioae]s?|(?:che|quale|em que|que) ann?o"
    r"|wanneer|hoeveel|welk jaar|когда|сколько|каком году|când|c[âa][tț][iăe]?|c[âa]te|ce an"
    r"|ne zaman|ne kadar|hangi yıl\w*|kaç\w*"
    r"|πότε|πόσ\w+|ποι[οα] (?:έτος|χρονιά)|khi nào|năm nào|bao nhiêu|bao lâu)\b"
    r"|何时|什么时候|哪一?年|多少|几|多[大长高]|いつ|何[年人個]|いくつ|เมื่อไ|ปี(?:ใด|ไหน)|เท่าไ|กี่"
    r"|कब|कितन|متى|كم |أي عام|언제|몇|얼마",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\b(?:who|whom|whose|where|qui[eé]n(?:es)?|d[oó]nde|wer|wem|wen|wessen|wo|qui|où|chi|dove|quem|onde|wie is|waar"
    r"|кто|кого|кому|чей|где|cine|unde|kim\w*|nerede\w*|ποιος|πού|ai|ở đâu)\b"
    r"|谁|哪里|在哪|誰|どこ|ใคร|ที่ไหน|किसने|कौन|कहाँ|من هو|أين|누가|어디",
    re.IGNORECASE,
)
_DEFINITION = re.compile(
    r"\s*[¿]?(?:what(?:'s| is| are| was| were)|who(?:'s| is| was)|what does .{1,60} mean|define"
    r"|qu[eé] (?:es|son|era)|qui[eé]n (?:es|fue)|was (?:ist|sind)|wer (?:ist|war)"
    r"|qu['’]est[- ]ce que?|qui (?:est|était)|(?:che )?cos['’]?[aè] ?(?:è|sono)?|chi (?:è|era)"
    r"|o que (?:é|são)|quem (?:é|foi)|wat (?:is|zijn)|wie is"
    r"|что такое|кто так(?:ой|ая)|ce este|cine este|τι είναι|ποιος είναι)\b",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r" (?:is|are|was|were|means|refers to|es|son|fue|ist|sind|war|est|sont|était|è|sono|era|é|são|foi|zijn"
    r"|este|sunt|είναι|là) | [—–-] (?:это )?|(?<=[\u3400-\u9fff])(?:是|とは|は)"
)
_NUMBER_WORDS = """
    one two three four five six seven eight nine ten eleven twelve hundred thousand million billion
    dos tres cuatro cinco seis siete ocho nueve diez zwei drei vier fünf sechs sieben acht neun zehn
    deux trois quatre cinq sept huit neuf dix due tre quattro cinque sei sette otto nove dieci
    dois três quatro oito dez twee drie vijf zes zeven negen tien
    два две три четыре пять шесть семь восемь десять doi două trei patru
    iki üç dört beş altı yedi sekiz dokuz δύο τρεις τρία τέσσερα πέντε έξι hai bốn năm sáu
"""
_SMALL_NUMBERS = frozenset(_NUMBER_WORDS.split())
_HAN_NUMBERS = re.compile("[一二三四五六七八九十百千万兩两]")
_WORD = re.compile(r"\w+")
_INNER_NAME = re.compile(r"(?<=[\w,;(] )[^\W\d_]\w+|(?<=\()[^\W\d_]\w+")


class AnswerType(StrEnum):
    """``NUMBER`` includes dates, ``NAME`` persons and places."""

    NUMBER = "number"
    NAME = "name"


def find_answer_type(question: str) -> AnswerType | None:
    """The type of answer that a question asks for; None where its words do not say."""
    if _NUMBER.search(question):
        return AnswerType.NUMBER
    return AnswerType.NAME if _NAME.search(question) else None


def has_answer(kind: AnswerType, question: str, text: str) -> bool:
    """Whether a text has a number, or a name that the question lacks. Scripts without capitals always may."""
    asked = set(_WORD.findall(question.casefold()))
    if kind is AnswerType.NUMBER:
        words = set(_WORD.findall(text.casefold())) - asked
        has_digit = any(character.isdecimal() for word in words for character in word)
        return has_digit or not words.isdisjoint(_SMALL_NUMBERS) or _HAN_NUMBERS.search(text) is not None
    if text == text.lower():
        return text == text.upper()
    return any(name[0].isupper() and name.casefold() not in asked for name in _INNER_NAME.findall(text))


def asks_definition(question: str) -> bool:
    """Whether a question asks what or who something is."""
    return _DEFINITION.match(question) is not None


def split_definition(text: str) -> tuple[str, str] | None:
    """What a sentence such as ``A lock is …`` defines, and how; None where it is no such sentence."""
    if match := _COPULA.search(text):
        return text[: match.start()], text[match.end() :]
    return None
