"""Specifications: documents that describe a repository of source code."""

from enum import StrEnum

from app.domain.errors import InvalidRequestError

SOURCES = "application/vnd.sluice.sources+zip"
"""The media type of source files that the sandbox analyses, as ``app.pipeline.specs.bundle`` packs them."""


class SpecType(StrEnum):
    """What a specification describes."""

    OVERVIEW = "overview"
    """The repository as a whole: languages, packages, entry points, dependencies, settings, licences."""

    API = "api"
    """The public definitions of each file, with their signatures."""

    ARCHITECTURE = "architecture"
    """The packages, and which of them import which."""

    @property
    def heading(self) -> str:
        """The title of such a document, without the repository's name."""
        return _TITLES[self]

    @classmethod
    def parse(cls, name: str) -> "SpecType":
        """The type of this name or title, in upper or lower case.

        Raises:
            InvalidRequestError: there is no such type.
        """
        wanted = " ".join(name.split()).lower()
        for kind in cls:
            if wanted in {kind.value, kind.heading.lower()}:
                return kind
        known = ", ".join(f"{kind.value} ({kind.heading})" for kind in cls)
        raise InvalidRequestError(f"Must be one of: {known}.", field="body.spec_type")


_TITLES = {
    SpecType.OVERVIEW: "Repository Overview",
    SpecType.API: "API reference",
    SpecType.ARCHITECTURE: "Architecture",
}
