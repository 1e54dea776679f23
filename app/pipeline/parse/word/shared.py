"""Objects that the readers of all parts of a Word document share."""

from collections.abc import Callable
from dataclasses import dataclass

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
