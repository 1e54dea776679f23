"""The fields of a Word document: links, form fields and symbols (ECMA-376, part 1, 17.16)."""

from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.office.field_codes import TICKED, UNTICKED, read_link, write_code
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.xml import attribute, child, local, to_integer

OFF = {"0", "false", "off"}
"""The values of on/off properties that are off."""


@dataclass(slots=True, eq=False)
class Field:
    """A field that is being read: its code, then its result."""

    form: etree._Element | None = None
    """The ``ffData`` of a form field."""
    code: list[str] = field(default_factory=list)
    result: list[str] = field(default_factory=list)
    has_result: bool = False

    @property
    def pieces(self) -> list[str]:
        """The part of the field that is being read."""
        return self.result if self.has_result else self.code

    def write(self) -> str:
        """The field as the document shows it."""
        code, result = "".join(self.code), "".join(self.result)
        if address := read_link(code):
            return write_link(result, address)
        return result if result.strip() else _write_form(self.form) or write_code(code) or result


def is_on(element: etree._Element | None) -> bool:
    """Whether an on/off property is present and on."""
    return element is not None and (attribute(element, "val") or "1") not in OFF


def _write_form(form: etree._Element | None) -> str:
    box, choice = child(form, "checkBox"), child(form, "ddList")
    if box is not None:
        state = child(box, "checked") if child(box, "checked") is not None else child(box, "default")
        return TICKED if is_on(state) else UNTICKED
    if choice is not None:
        entries = [attribute(item, "val") or "" for item in choice if local(item) == "listEntry"]
        chosen = attribute(child(choice, "result"), "val") or attribute(child(choice, "default"), "val")
        number = to_integer(chosen, 0)
        return entries[number] if number < len(entries) else ""
    return attribute(child(form, "textInput", "default"), "val") or ""
