"""The fields of RTF: links, symbols and form fields (RTF 1.9.1, Fields and Form Fields)."""

from dataclasses import dataclass, field

from app.pipeline.parse.office.field_codes import TICKED, UNTICKED, read_link, write_code

_BOX, _CHOICE = 1, 2
FORM_NUMBERS = {"fftype", "ffres", "ffdefres"}
"""The control words of form fields that are read."""
_UNSET = 25
"""The result of a form field that is unchanged."""


@dataclass(slots=True, eq=False)
class RtfField:
    """A field that is being read: its code, and what its form field says."""

    position: tuple[int, int]
    """Where its result begins."""
    code: list[str] = field(default_factory=list)
    entries: list[list[str]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The address of a link; empty for other fields."""
        return read_link("".join(self.code))

    def write_default(self) -> str:
        """The text of a field without a result."""
        chosen = self.numbers.get("ffres", _UNSET)
        chosen = self.numbers.get("ffdefres", 0) if chosen == _UNSET else chosen
        kind = self.numbers.get("fftype")
        if kind == _BOX:
            return TICKED if chosen else UNTICKED
        if kind == _CHOICE:
            return "".join(self.entries[chosen]) if 0 <= chosen < len(self.entries) else ""
        return write_code("".join(self.code))
