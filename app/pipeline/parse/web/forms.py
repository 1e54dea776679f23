"""The text that the controls of a form show."""

from lxml import etree

_TICKS = {"checkbox", "radio"}
_WITHOUT_TEXT = {"hidden", "password", "file", "image", "color", "range"}


def write_control(element: etree._Element) -> str:
    """The text of an ``input``, ``select`` or ``textarea``: its value, its tick, or the choices that it offers."""
    if element.tag == "select":
        return _write_choices(element)
    if element.tag == "textarea":
        return str(element.text or "")
    kind = (element.get("type") or "text").lower()
    if kind in _TICKS:
        return "☒" if element.get("checked") is not None else "☐"
    return "" if kind in _WITHOUT_TEXT else element.get("value") or ""


def _write_choices(element: etree._Element) -> str:
    """The chosen options of a list; all of them where the page states no choice."""
    options = list(element.iter("option"))
    chosen = [option for option in options if option.get("selected") is not None]
    return ", ".join(filter(None, (_write_option(option) for option in chosen or options)))


def _write_option(option: etree._Element) -> str:
    return " ".join("".join(map(str, option.itertext())).split()) or option.get("label") or ""
