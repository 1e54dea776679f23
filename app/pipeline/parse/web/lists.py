"""The markers of list items, as browsers show them (HTML Living Standard, 4.4.5 to 4.4.8)."""

import re
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.office.numerals import write_number

_BULLET = "-"
_STYLE = re.compile(r"list-style(?:-type)?\s*:[^;]*?(lower|upper)-(alpha|latin|roman)", re.IGNORECASE)
_TYPES = {"a": "lower-alpha", "A": "upper-alpha", "i": "lower-roman", "I": "upper-roman"}
_ALPHABET = 26
_INTEGER = re.compile(r"\s*([+-]?\d{1,9})")


@dataclass(slots=True)
class HtmlList:
    """The items of an open list. A bulleted one counts nothing."""

    form: str
    next: int = 1
    step: int = 1

    def mark_item(self, item: etree._Element) -> str:
        """The marker of the next item."""
        if not self.form:
            return _BULLET
        number = _to_integer(item.get("value"), self.next)
        self.next = number + self.step
        return f"{_write_number(number, _TYPES.get(item.get('type') or '', self.form))}."


def open_list(element: etree._Element) -> HtmlList:
    """The list that begins with ``element``."""
    if element.tag != "ol":
        return HtmlList("")
    style = _STYLE.search(element.get("style") or "")
    form = f"{style[1]}-{style[2]}".lower() if style else _TYPES.get(element.get("type") or "", "decimal")
    if element.get("reversed") is None:
        return HtmlList(form, _to_integer(element.get("start"), 1))
    return HtmlList(form, _to_integer(element.get("start"), sum(1 for _ in element.iterchildren("li"))), -1)


def _to_integer(text: str | None, default: int) -> int:
    match = _INTEGER.match(text or "")
    return int(match[1]) if match else default


def _write_number(number: int, form: str) -> str:
    if form.endswith("roman"):
        return write_number(number, "upperRoman" if form.startswith("upper") else "lowerRoman")
    written = _write_letters(number) if form.endswith(("alpha", "latin")) else ""
    return (written.upper() if form.startswith("upper") else written) or str(number)


def _write_letters(number: int) -> str:
    """Letters from a to z, then aa, ab and so on, as browsers count; Word counts aa, bb."""
    text = ""
    while number > 0:
        number, digit = divmod(number - 1, _ALPHABET)
        text = chr(ord("a") + digit) + text
    return text
