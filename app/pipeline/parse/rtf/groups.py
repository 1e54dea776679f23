"""The groups of RTF: what the text within a pair of braces is, and how it is read."""

from dataclasses import dataclass

from app.pipeline.parse.office.scripts import Script
from app.pipeline.parse.rtf.body import RtfBody
from app.pipeline.parse.rtf.codes import SKIPPED
from app.pipeline.parse.rtf.fields import RtfField

DESTINATIONS = {
    **dict.fromkeys(SKIPPED, "skipped"),
    "fonttbl": "fonts",
    "info": "info",
    "fldinst": "code",
    "ffl": "entry",
    "atnauthor": "author of a comment",
    "sn": "name of a property",
    "sv": "value of a property",
}
BODIES = {
    "footnote": "note",
    "annotation": "comment",
    "shptxt": "box",
    **dict.fromkeys(("header", "headerl", "headerr", "headerf"), "header"),
    **dict.fromkeys(("footer", "footerl", "footerr", "footerf"), "footer"),
}
"""Groups whose text is apart from the text around them."""


@dataclass(frozen=True, slots=True)
class Group:
    """The properties that hold within a pair of braces."""

    body: RtfBody
    destination: str = "text"
    """The destination: ``text``, ``skipped``, ``fonts``, ``info``, ``code`` or the name of a metadata field."""
    field: RtfField | None = None
    """The field that the group belongs to."""
    code: RtfField | None = None
    """The field to which the text belongs, where the destination is ``code`` or ``entry``."""
    starred: bool = False
    hidden: bool = False
    depth: int = 0
    """The number of tables around a paragraph."""
    level: int = 0
    """The level of a heading; 0 for other paragraphs."""
    script: Script | None = None
    replacements: int = 1
    """Number of replacement characters after each Unicode character."""
    encoding: str | None = None
    symbols: str = ""
    """The name of a font of signs."""

    @property
    def is_read(self) -> bool:
        """Whether its text is read."""
        return self.destination not in {"skipped", "info"} and not self.hidden

    @property
    def is_shown(self) -> bool:
        """Whether its text is text of the document."""
        return self.destination == "text" and not self.hidden
