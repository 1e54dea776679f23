"""The state of the RTF reader: groups, fonts, encodings and what the text belongs to."""

from collections import defaultdict
from dataclasses import replace

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.pictures import clean_alternative
from app.pipeline.parse.office.scripts import Script
from app.pipeline.parse.office.symbols import translate_symbols
from app.pipeline.parse.rtf.body import RtfBody, join
from app.pipeline.parse.rtf.codes import INFO, PARAGRAPH_ENDS, SIGNS, STARRED_READ, SYMBOLS
from app.pipeline.parse.rtf.fields import FORM_NUMBERS, RtfField
from app.pipeline.parse.rtf.fonts import RtfFonts
from app.pipeline.parse.rtf.groups import BODIES, DESTINATIONS, Group
from app.pipeline.parse.rtf.tables import DEFINING, RowDefinition

_REPLACED = {"author of a comment", "name of a property", "value of a property"}
"""Groups of which only the last one counts."""
_PROPERTIES = {"sn", "sv"}
"""Groups that are read also within pictures."""
_BODY_LEVEL = 9
_SCRIPTS: dict[str, Script | None] = {"super": "super", "sub": "sub", "nosupersub": None}
_ALTERNATIVE_TEXT = "wzDescription"


class RtfWriter:
    """Collects the text of an RTF file."""

    def __init__(self, limits: Limits) -> None:
        self._depth = limits.depth
        self._budget = Budget(limits.characters, "It contains more text than is allowed.")
        self._main = RtfBody("main", self._budget)
        self._margins: dict[str, dict[str, None]] = {"header": {}, "footer": {}}
        self._groups: list[Group] = []
        self._group = Group(self._main)
        self._row = RowDefinition()
        self._notes = 0
        self._label = ""
        self._collected = defaultdict[str, list[str]](list)
        """The pieces of metadata, of authors and of properties, by the destinations of their groups."""
        self._fonts = RtfFonts()
        self._bytes = bytearray()
        self._bytes_encoding = ""
        self._surrogate = 0
        self._to_skip = 0

    def write(self) -> str:
        """The headers, the text with its notes, and the footers.

        Raises:
            ParseLimitExceededError
        """
        self._flush()
        text = join([self._main])
        return "\n\n".join(filter(None, [*self._margins["header"], text, *self._margins["footer"]]))

    @property
    def is_open(self) -> bool:
        """Whether a group is open."""
        return bool(self._groups)

    def open_group(self) -> None:
        """Begin a group.

        Raises:
            ParseLimitExceededError
        """
        self._flush()
        if len(self._groups) >= self._depth:
            raise ParseLimitExceededError("Its groups are nested deeper than is allowed.")
        self._groups.append(self._group)
        self._group = replace(self._group, starred=False)

    def close_group(self) -> bool:
        """End a group. Returns False when it was the outermost one."""
        self._flush()
        self._to_skip = 0
        if self._groups:
            closed, self._group = self._group, self._groups.pop()
            self._end_scopes(closed)
        return self.is_open

    def write_bytes(self, data: bytes) -> None:
        """Write text in the current encoding."""
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        encoding = "latin-1" if self._group.symbols else self._group.encoding or self._fonts.encoding
        if self._group.is_read and skipped < len(data):
            if encoding != self._bytes_encoding:
                self._flush()
                self._bytes_encoding = encoding
            self._bytes += data[skipped:]

    def write_symbol(self, symbol: str) -> None:
        """Write a control symbol, given by the character after the backslash."""
        if symbol == "*":
            self._group = replace(self._group, starred=True)
        elif self._to_skip:
            self._to_skip -= 1
        elif symbol in "\r\n":
            self._end_paragraph()
        else:
            self._write(SYMBOLS.get(symbol, ""))

    def write_word(self, word: str, parameter: int | None) -> int:
        """Process a control word. Returns the number of binary bytes that follow it."""
        self._flush()
        self._to_skip = 0
        starred = self._group.starred
        if starred:
            self._group = replace(self._group, starred=False)
        if word == "bin":
            return max(parameter or 0, 0)
        if word == "u" and parameter is not None:
            self._write_unit(parameter % 0x10000)
        elif word in DESTINATIONS or (starred and word not in STARRED_READ):
            self._enter(DESTINATIONS.get(word, "skipped"), always=word in _PROPERTIES)
        elif self._group.destination == "info" and word in INFO:
            self._enter(INFO[word])
        elif word in SIGNS:
            self._write(SIGNS[word])
        elif not self._write_structure(word):
            self._set_property(word, parameter)
        return 0

    def _write_structure(self, word: str) -> bool:
        """Process a word that divides the text; False for other words."""
        group = self._group
        if word in PARAGRAPH_ENDS:
            self._end_paragraph()
        elif word in {"cell", "nestcell", "row", "nestrow"}:
            self._end_in_table(word)
        elif word in BODIES:
            body = RtfBody(BODIES[word], self._budget)
            self._group = replace(group, body=body, depth=0, level=0)
        elif word == "field":
            self._group = replace(group, field=RtfField(group.body.position()))
        elif word == "chftn":
            if group.body.kind != "note" and self._group.is_shown:
                self._notes += 1
                self._label = f"[{self._notes}]"
                self._write(self._label)
        else:
            return False
        return True

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata that the file states."""
        return {name: text for name in INFO.values() if (text := self._join_collected(name))}

    def _join_collected(self, destination: str) -> str:
        text = "".join(self._collected[destination])
        self._collected[destination] = [text]
        return text

    def _end_scopes(self, closed: Group) -> None:
        """Finish the note, the field or the property that ends with a group."""
        field = closed.field
        if closed.body is not self._group.body or not self._groups:
            closed.body.end_paragraph(0, closed.level)
        if closed.body is not self._group.body:
            self._end_body(closed.body)
        elif field is not None and field is not self._group.field and self._group.is_shown:
            closed.body.replace_from(field.position, field.address, field.write_default())
        elif closed.destination == "value of a property" != self._group.destination:
            value, name = self._join_collected(closed.destination), self._join_collected("name of a property")
            closed.body.follow(clean_alternative(value) if name == _ALTERNATIVE_TEXT else "")

    def _end_body(self, body: RtfBody) -> None:
        text = join([body]).strip()
        if body.kind in self._margins:
            self._margins[body.kind][text] = None
            return
        author = self._join_collected("author of a comment")
        label = (
            self._label if body.kind == "note" else f"Comment by {author}:" if body.kind == "comment" and author else ""
        )
        self._label = ""
        if text:
            self._group.body.follow(f"{label} {text}" if label else text)

    def _end_paragraph(self) -> None:
        self._flush()
        if self._group.is_shown:
            self._group.body.end_paragraph(self._group.depth, self._group.level)

    def _end_in_table(self, word: str) -> None:
        if not self._group.is_shown:
            return
        depth = max(self._group.depth, 2) if word.startswith("nest") else 1
        if word.endswith("cell"):
            self._group.body.end_cell(depth)
        else:
            self._group.body.end_row(depth, self._row)

    def _enter(self, destination: str, *, always: bool = False) -> None:
        if self._group.destination == "skipped" and not always:
            return
        field = self._group.field
        self._group = replace(self._group, destination=destination, code=field)
        if destination in _REPLACED:
            self._collected[destination].clear()
        elif destination == "entry" and field is not None:
            field.entries.append([])

    def _set_property(self, word: str, parameter: int | None) -> None:
        """Process a word that changes how the following text is read."""
        group = self._group
        if word in {"v", "deleted"}:
            self._group = replace(group, hidden=parameter != 0)
        elif word == "uc":
            self._group = replace(group, replacements=max(parameter or 0, 0))
        elif word == "plain":
            self._group = replace(group, hidden=False, script=None)
            self._use_font(None)
        elif word in _SCRIPTS:
            self._group = replace(group, script=_SCRIPTS[word] if parameter != 0 else None)
        elif word == "f":
            self._use_font(self._fonts.select(parameter))
        elif word in FORM_NUMBERS and group.field is not None:
            group.field.numbers[word] = parameter or 0
        elif word == "trowd":
            self._row = RowDefinition()
        elif word in DEFINING:
            self._row.set(word, parameter)
        else:
            self._set_paragraph(word, parameter)
            self._fonts.set(word, parameter, in_list=group.destination == "fonts")

    def _set_paragraph(self, word: str, parameter: int | None) -> None:
        """Process a property of paragraphs."""
        if word == "pard":
            self._group = replace(self._group, depth=0, level=0)
        elif word == "intbl":
            self._group = replace(self._group, depth=max(self._group.depth, 1))
        elif word == "itap":
            self._group = replace(self._group, depth=max(parameter or 0, 0))
        elif word == "outlinelevel":
            level = parameter or 0
            self._group = replace(self._group, level=level + 1 if 0 <= level < _BODY_LEVEL else 0)

    def _use_font(self, font: int | None) -> None:
        encoding, symbols = self._fonts.find(font)
        self._group = replace(self._group, encoding=encoding, symbols=symbols)

    def _write_unit(self, unit: int) -> None:
        """Write a UTF-16 code unit; characters beyond U+FFFF are two."""
        high, self._surrogate = self._surrogate, 0
        self._to_skip = self._group.replacements
        if 0xD800 <= unit < 0xDC00:  # noqa: PLR2004, a high surrogate
            self._surrogate = unit
        elif 0xDC00 <= unit < 0xE000:  # noqa: PLR2004, a low surrogate
            self._write(chr(0x10000 + (high - 0xD800) * 0x400 + unit - 0xDC00) if high else "\ufffd")
        else:
            self._write(chr(unit))

    def _write(self, text: str) -> None:
        self._flush()
        group = self._group
        if not text or not self._group.is_read:
            return
        if group.destination == "text":
            group.body.write(translate_symbols(text, group.symbols), group.script)
        elif group.destination == "fonts":
            self._fonts.add_name(text)
        elif group.destination == "code" and group.code is not None:
            group.code.code.append(text)
        elif group.destination == "entry" and group.code is not None:
            group.code.entries[-1].append(text)
        else:
            self._collected[group.destination].append(text)

    def _flush(self) -> None:
        if self._bytes:
            text = self._bytes.decode(self._bytes_encoding, "replace")
            self._bytes.clear()
            self._write(text)
