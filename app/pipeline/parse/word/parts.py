"""The parts of a Word document, and what the readers of all of them share."""

from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.word.numbering import Numbering
from app.pipeline.parse.word.styles import Styles


@dataclass(frozen=True, slots=True)
class Shared:
    """The same for all parts of one document."""

    package: OoxmlPackage
    styles: Styles
    numbering: Numbering
    budget: Budget
    """Limits the characters of tables."""
    read_chunk: Callable[[str], str]
    """Returns the text of an embedded document, given by the name of its part."""


class Part:
    """A part with the addresses and the other parts to which it refers."""

    def __init__(self, package: OoxmlPackage, name: str) -> None:
        self._package = package
        self._names = {key: found for key, _, found in package.relations(name)}
        self.links = package.links(name)

    def find(self, key: str | None) -> str:
        """The name of the part with this relation id; empty where there is none."""
        return self._names.get(key or "", "")

    def read(self, key: str | None) -> etree._Element | None:
        """The root of the part with this relation id; None where it is missing or damaged."""
        return self._package.read_optional(self.find(key))
