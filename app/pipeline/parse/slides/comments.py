"""The comments on a slide with their authors, in both forms that PowerPoint has: of 2007 and of 2021 ([MS-PPTX])."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.slides.paragraphs import list_paragraphs
from app.pipeline.parse.xml import attribute, child

_AUTHORS = {"commentAuthors", "authors"}


def read_authors(package: OoxmlPackage, main: str) -> dict[str, str]:
    """The names of the authors of comments, by their ids."""
    roots = (package.read_optional(name) for kind, name in package.targets(main) if kind in _AUTHORS)
    return {
        attribute(author, "id") or "": attribute(author, "name") or ""
        for root in roots
        if root is not None
        for author in root
    }


def list_comments(root: etree._Element, authors: dict[str, str]) -> Iterator[str]:
    """The comments and replies in a part, each as ``Comment by Ada: …``."""
    for comment in root.iter("{*}cm", "{*}reply"):
        body = child(comment, "txBody")
        plain = child(comment, "text")
        text = " ".join(list_paragraphs(body, {})) if body is not None else plain.text if plain is not None else ""
        author = authors.get(attribute(comment, "authorId") or "", "")
        if text and text.strip():
            yield f"Comment by {author}: {text.strip()}" if author else f"Comment: {text.strip()}"
