"""The text within the paragraphs of an OpenDocument file."""

from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.office.equations import runs_together
from app.pipeline.parse.office.pictures import clean_alternative
from app.pipeline.parse.office.scripts import Scripts
from app.pipeline.parse.opendocument.package import OdfPackage
from app.pipeline.parse.opendocument.styles import Styles
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.web.formulas import write_formula
from app.pipeline.parse.xml import attribute, child, local, to_integer

DROPPED = {
    *("tracked-changes", "notes", "forms", "scripts", "sequence-decls", "variable-decls", "user-field-decls"),
    *("annotation-end", "note-citation", "table-of-content-source", "illustration-index-source", "ruby-text"),
    *("table-index-source", "object-index-source", "user-index-source", "alphabetical-index-source", "desc", "title"),
    *("bibliography-source", "image", "object-ole", "shapes", "event-listeners", "page-number", "page-count"),
    *("creator", "date", "date-string", "creator-initials", "dde-connection-decls", "toc-mark", "hidden-text"),
}
"""Elements whose text the document does not show at their place."""
BLOCKS = {"frame", "text-box", "custom-shape", "rect", "g", "line", "connector", "ellipse", "polygon", "path", "circle"}
_BESIDE = {*BLOCKS, "annotation", "note", "table"}
_SPACES = 100
"""Spaces that one element stands for at most."""


@dataclass(slots=True)
class Line:
    """The text of a paragraph, and the frames, notes and comments that follow it."""

    text: str = ""
    beside: list[etree._Element] = field(default_factory=list)


class InlineWriter:
    """Writes the paragraphs of a document."""

    def __init__(self, package: OdfPackage, styles: Styles) -> None:
        self._package = package
        self._styles = styles
        self._line = Line()
        self._scripts = Scripts()

    def write(self, paragraph: etree._Element) -> Line:
        """The text of a paragraph without line ends around it."""
        self._line, self._scripts = Line(), Scripts()
        pieces: list[str] = []
        self._walk(paragraph, pieces)
        self._line.text = "".join(pieces).strip("\n")
        return self._line

    def label_of(self, note: etree._Element) -> str:
        """The label of a note, such as ``[1]``; empty where it has none."""
        citation = child(note, "note-citation")
        label = "".join(map(str, citation.itertext())).strip() if citation is not None else ""
        return f"[{label}]" if label else ""

    def _walk(self, element: etree._Element, pieces: list[str]) -> None:
        pieces.append(_fold(element.text))
        for item in element:
            self._write(item, pieces)
            pieces.append(_fold(item.tail))

    def _write(self, item: etree._Element, pieces: list[str]) -> None:
        name = local(item)
        if name == "s":
            pieces.append(" " * min(to_integer(attribute(item, "c"), 1), _SPACES))
        elif name in {"tab", "line-break"}:
            pieces.append("\t" if name == "tab" else "\n")
        elif name == "a" and any(local(inner) in BLOCKS for inner in item):
            self._line.beside.append(item)
        elif name == "a":
            words: list[str] = []
            self._walk(item, words)
            pieces.append(write_link("".join(words), attribute(item, "href")))
        elif (formula := self._read_formula(item)) is not None:
            pieces.append(f" {formula}" if runs_together("".join(pieces[-1:]), formula) else formula)
        elif name in _BESIDE:
            pieces.append(self.label_of(item) if name == "note" else "")
            self._line.beside.append(item)
        elif name and name not in DROPPED and not self._styles.hides(item):
            start = len(pieces)
            self._walk(item, pieces)
            if kind := self._styles.script_of(item):
                self._scripts.write(pieces, start, kind)

    def _read_formula(self, frame: etree._Element) -> str | None:
        """The formula in a frame; None for other elements."""
        found = child(frame, "object") if local(frame) == "frame" else None
        root = self._package.read_object(found) if found is not None else None
        return write_formula(root) if root is not None and local(root) == "math" else None


def read_description(shape: etree._Element) -> str:
    """The alternative text of a shape: its title and description."""
    texts = (child(shape, name) for name in ("title", "desc"))
    written = [clean_alternative("".join(map(str, text.itertext()))) for text in texts if text is not None]
    return ". ".join(dict.fromkeys(filter(None, written)))


def _fold(text: str | None) -> str:
    """A run of white space is one space; further ones are elements ``text:s`` (OpenDocument 1.3, part 3, 6.1.2)."""
    if not text:
        return ""
    folded = " ".join(text.split())
    return f"{' ' * text[0].isspace()}{folded}{' ' * (text[-1].isspace() and bool(folded))}"
