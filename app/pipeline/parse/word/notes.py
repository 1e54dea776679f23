"""Footnotes and endnotes: labelled in the order of their references, each written once."""

from collections.abc import Callable, Iterator

from lxml import etree

from app.pipeline.parse.office.numerals import write_number
from app.pipeline.parse.xml import attribute, local

_SEPARATORS = {"separator", "continuationSeparator", "continuationNotice"}
_FORMS = {"footnote": "decimal", "endnote": "lowerRoman"}
"""How Word counts notes where the document does not say otherwise."""


class Notes:
    """The notes of a document that are not yet written."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], tuple[etree._Element, Callable[[etree._Element], str]]] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._counts = dict.fromkeys(_FORMS, 0)

    def add(self, kind: str, part: etree._Element, write: Callable[[etree._Element], str]) -> None:
        """Add the notes of a part; ``write`` returns the text of one."""
        for note in part:
            if local(note) == kind and attribute(note, "type") not in _SEPARATORS:
                self._waiting[kind, attribute(note, "id") or str(len(self._waiting))] = note, write

    def label(self, kind: str, key: str) -> str:
        """The label of a note, the same for each reference to it; empty where the note does not exist."""
        if (kind, key) in self._waiting and (kind, key) not in self._labels:
            self._counts[kind] += 1
            self._labels[kind, key] = write_number(self._counts[kind], _FORMS[kind])
        return self._labels.get((kind, key), "")

    def take(self, kind: str, key: str, label: str) -> Iterator[tuple[str, str]]:
        """The block of a note, unless it is already written."""
        if found := self._waiting.pop((kind, key), None):
            text = found[1](found[0]).strip()
            yield "paragraph", f"[{label}] {text}" if label and text else text

    def take_rest(self) -> Iterator[tuple[str, str]]:
        """The blocks of the notes without a reference."""
        for kind, key in list(self._waiting):
            yield from self.take(kind, key, "")
