"""The text within the paragraphs of a Word document: runs, fields, links, equations and what is drawn beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from lxml import etree

from app.pipeline.parse.office.alternatives import choose
from app.pipeline.parse.office.charts import write_chart
from app.pipeline.parse.office.diagrams import list_texts
from app.pipeline.parse.office.equations import runs_together, write_equation
from app.pipeline.parse.office.package import Part
from app.pipeline.parse.office.pictures import read_alternative
from app.pipeline.parse.office.scripts import Script, Scripts
from app.pipeline.parse.office.symbols import find_symbol, is_symbol_font, translate_symbols
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.word.fields import OFF, Field
from app.pipeline.parse.word.shared import Shared
from app.pipeline.parse.xml import attribute, child, local

_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_SCRIPTS: dict[str, Script] = {"superscript": "super", "subscript": "sub"}
_NESTED_FIELDS = 100
"""Open fields at most, because each paragraph passes all of them."""
DROPPED = {
    *("del", "moveFrom", "delText", "delInstrText", "rt", "pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "tblGrid"),
    *("tblPrEx", "tcPr", "trPr", "sectPr", "rubyPr", "customXmlPr", "smartTagPr", "ffData"),
}
"""Elements whose text the document does not show."""


@dataclass(slots=True)
class Line:
    """The text of a paragraph, and what follows it."""

    text: str = ""
    beside: dict[etree._Element | str, None] = field(default_factory=dict)
    """Text boxes, and the texts of pictures and diagrams, each once."""
    charts: list[str] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    """References to notes: kind, id and label."""


class InlineWriter:
    """Writes paragraphs of one part. Fields may begin in one paragraph and end in another.

    Args:
        label: Returns the label of a note, such as ``1``, from its kind and id.
    """

    def __init__(self, shared: Shared, part: Part, label: Callable[[str, str], str]) -> None:
        self._shared = shared
        self._part = part
        self._label = label
        self._fields: list[Field] = []
        self._pieces: list[str] = []
        self._line = Line()
        self._scripts = Scripts()
        self._properties: etree._Element | None = None
        self._is_hidden = False

    def write(self, paragraph: etree._Element) -> Line:
        """The text of a paragraph without line ends around it."""
        self._line, self._pieces, self._scripts = Line(), [], Scripts()
        self._properties = child(paragraph, "pPr")
        self._walk(paragraph)
        for open_field in self._fields:
            if not open_field.has_result:
                break
            self._pieces += open_field.result
            open_field.result.clear()
        self._line.text = "".join(self._pieces).strip("\n")
        return self._line

    def _walk(self, element: etree._Element) -> None:
        for item in element:
            name = local(item)
            if name == "t":
                self._emit(item.text or "")
            elif name in _SIGNS:
                self._emit(_SIGNS[name])
            elif name in self._ACTIONS:
                self._ACTIONS[name](self, item)
            elif name and name not in DROPPED:
                self._walk(item)

    def _target(self) -> list[str]:
        """Where text is added: the innermost open field, else the paragraph."""
        return self._fields[-1].pieces if self._fields else self._pieces

    def _emit(self, text: str) -> None:
        if text and not self._is_hidden:
            self._target().append(text)

    def _run(self, run: etree._Element) -> None:
        properties = child(run, "rPr")
        was_hidden, self._is_hidden = self._is_hidden, self._shared.styles.hides(properties, self._properties)
        target = self._target()
        start = len(target)
        fonts = child(properties, "rFonts")
        font = attribute(fonts, "ascii") or attribute(fonts, "hAnsi") or ""
        if is_symbol_font(font) and child(run, "t") is not None:
            for item in run:
                self._emit(
                    translate_symbols(item.text or "", font) if local(item) == "t" else _SIGNS.get(local(item), "")
                )
        else:
            self._walk(run)
        self._is_hidden = was_hidden
        kind = _SCRIPTS.get(attribute(child(properties, "vertAlign"), "val") or "")
        if kind and self._target() is target:
            self._scripts.write(target, start, kind)

    def _field_character(self, mark: etree._Element) -> None:
        kind = attribute(mark, "fldCharType")
        if kind == "begin" and len(self._fields) < _NESTED_FIELDS:
            self._fields.append(Field(child(mark, "ffData")))
        elif kind == "separate" and self._fields:
            self._fields[-1].has_result = True
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            self._emit(ended.write() if ended.result else self._keep_apart(ended.write()))

    def _field_code(self, code: etree._Element) -> None:
        if self._fields and not self._fields[-1].has_result:
            self._target().append(code.text or "")  # also of a hidden field

    def _simple_field(self, element: etree._Element) -> None:
        simple = Field(child(element, "ffData"), [attribute(element, "instr") or ""], has_result=True)
        self._fields.append(simple)
        self._walk(element)
        while simple in self._fields:  # fields that are not closed within it end with it
            self._emit(self._fields.pop().write())

    def _hyperlink(self, link: etree._Element) -> None:
        address = self._part.links.get(attribute(link, "id") or "", "")
        anchor = attribute(link, "anchor")
        if address and anchor and "#" not in address:
            address = f"{address}#{anchor}"
        target = self._target()
        start = len(target)
        self._walk(link)
        if address and self._target() is target:
            target[start:] = [write_link("".join(target[start:]), address)]

    def _symbol(self, sign: etree._Element) -> None:
        self._emit(find_symbol(attribute(sign, "char") or "", attribute(sign, "font") or ""))

    def _equation(self, equation: etree._Element) -> None:
        self._emit(self._keep_apart(write_equation(equation), always=local(equation) == "oMathPara"))

    def _keep_apart(self, text: str, *, always: bool = False) -> str:
        """A formula with a space before it, where its value would change without one."""
        before = (self._target() or [""])[-1]
        is_apart = runs_together(before, text) or (always and bool(before) and not before[-1].isspace())
        return f" {text}" if is_apart else text

    def _note(self, reference: etree._Element) -> None:
        kind, key = local(reference).removesuffix("Reference"), attribute(reference, "id") or ""
        has_own_mark = (attribute(reference, "customMarkFollows") or "0") not in OFF
        label = "" if has_own_mark else self._label(kind, key)
        self._line.notes.append((kind, key, label))
        self._emit(f"[{label}]" if label else "")

    def _choose(self, alternatives: etree._Element) -> None:
        chosen = choose(alternatives)
        if chosen is not None:
            self._walk(chosen)

    def _box(self, box: etree._Element) -> None:
        self._line.beside[box] = None

    def _picture(self, properties: etree._Element) -> None:
        text = read_alternative(properties, self._part.links)
        if text and not self._is_hidden:
            self._line.beside[text] = None

    def _shape(self, shape: etree._Element) -> None:
        """A shape of VML, as Word wrote them until 2007."""
        self._picture(shape)
        self._walk(shape)

    def _word_art(self, element: etree._Element) -> None:
        self._line.beside[attribute(element, "string") or ""] = None

    def _chart(self, chart: etree._Element) -> None:
        root = self._part.read(attribute(chart, "id"))
        if root is not None:
            self._line.charts += write_chart(root, self._shared.budget)

    def _diagram(self, relations: etree._Element) -> None:
        root = self._part.read(attribute(relations, "dm"))
        if root is not None:
            self._line.beside["\n".join(list_texts(root))] = None

    _ACTIONS: ClassVar[dict[str, Callable[["InlineWriter", etree._Element], None]]] = {
        "r": _run,
        "fldChar": _field_character,
        "instrText": _field_code,
        "fldSimple": _simple_field,
        "hyperlink": _hyperlink,
        "sym": _symbol,
        "oMath": _equation,
        "oMathPara": _equation,
        "footnoteReference": _note,
        "endnoteReference": _note,
        "AlternateContent": _choose,
        "txbxContent": _box,
        "docPr": _picture,
        "cNvPr": _picture,
        "shape": _shape,
        "textpath": _word_art,
        "chart": _chart,
        "relIds": _diagram,
    }
