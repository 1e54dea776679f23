"""Writes the facts of a repository as one Markdown document."""

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.specs import SpecType
from app.pipeline.specs.architecture import write_architecture
from app.pipeline.specs.facts import Repository
from app.pipeline.specs.markdown import cut_lines, plain
from app.pipeline.specs.overview import write_overview
from app.pipeline.specs.reference import write_reference

_WRITERS: dict[SpecType, Callable[[Repository], list[str]]] = {
    SpecType.OVERVIEW: write_overview,
    SpecType.API: write_reference,
    SpecType.ARCHITECTURE: write_architecture,
}

_SHORTENED = "Methods and other members are left out, because the document would be too long."


@dataclass(frozen=True, slots=True)
class Specification:
    """A finished document. ``truncated`` says that lines at its end were left out."""

    title: str
    markdown: str
    truncated: bool


def make_title(name: str, kind: SpecType) -> str:
    """The title of a document: the repository's name and the type's."""
    return f"{name}: {kind.heading}"


def write_specification(
    repository: Repository, kind: SpecType, *, characters: int, sections: list[str] | None = None
) -> Specification:
    """The document of this type.

    Args:
        repository: The facts.
        kind: What the document describes.
        characters: Its largest length.
        sections: Lines that a language model wrote, which come before those that are read from the sources.
    """
    title = make_title(repository.name, kind)
    head = [f"# {plain(title)}", "", *(sections or [])]
    markdown, truncated = cut_lines([*head, *_WRITERS[kind](repository)], characters)
    if truncated and kind is SpecType.API:
        markdown, _ = cut_lines([*head, _SHORTENED, "", *write_reference(repository, members=False)], characters)
    return Specification(title, markdown, truncated)
