"""DOCX by a walk over its XML in document order.

Names are matched without their namespace, so that Strict documents are read like Transitional ones. Recursion follows
the depth of the XML, which the parser limits to 256.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.package import OoxmlPackage, Part
from app.pipeline.parse.word.embedded import EmbeddedDocuments
from app.pipeline.parse.word.notes import Notes
from app.pipeline.parse.word.numbering import Numbering
from app.pipeline.parse.word.shared import Shared
from app.pipeline.parse.word.story import StoryWriter
from app.pipeline.parse.word.styles import Styles
from app.pipeline.parse.xml import attribute, child

_DEFINITIONS = ("styles", "numbering")
_EMBEDDED = 3
"""Documents within documents that are read."""
_FAILURES = (
    DocumentDamagedError,
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""The errors of the walk over damaged files."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """Headers, body, notes, comments and footers of a Word document as one page, with its properties as metadata.

    Where the walk fails or finds no text, python-docx reads the file. Where that fails as well, the first error stands.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with OoxmlPackage(path, limits) as package:
        try:
            parsed = Parsed([Page(None, read_text(package, limits))], package.read_properties())
        except _FAILURES as error:
            traceback.clear_frames(error.__traceback__)  # frees the XML trees before the file is read again
            replacement = _read_with_fallback(path, report, limits)
            if replacement is None:
                raise
            return replacement
    if not parsed.pages[0].text.strip():
        parsed = _read_with_fallback(path, report, limits) or parsed
    report(1, 1)
    return parsed


def _read_with_fallback(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed | None:
    """The document as python-docx reads it; None where that fails or finds no text either."""
    from app.pipeline.parse.word import fallback  # noqa: PLC0415, few files need it, and loading it costs memory

    try:
        parsed = fallback.read(path, report, limits)
    except (DocumentError, MemoryError):
        return None  # the caller reports the first error
    return parsed if parsed.pages[0].text.strip() else None


def read_text(package: OoxmlPackage, limits: Limits, depth: int = _EMBEDDED) -> str:
    """The text of a document; ``depth`` is how deeply documents within it are read.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    main = package.find_main("word/document.xml")
    document = package.read(main)
    if document is None:
        raise DocumentDamagedError("It has no main document part.")
    return "\n\n".join(filter(None, _Document(package, limits, depth).write(main, document)))


class _Document:
    """The parts of an open document."""

    def __init__(self, package: OoxmlPackage, limits: Limits, depth: int) -> None:
        self._package = package
        self._budget = Budget(limits.characters, "It contains more text than is allowed.")
        read_word = partial(read_text, limits=limits, depth=depth - 1) if depth else None
        self._embedded = EmbeddedDocuments(package, self._budget, limits, read_word)
        self._notes = Notes()

    def write(self, main: str, document: etree._Element) -> Iterator[str]:
        """The text of the headers, the body, the notes without a reference, the comments and the footers."""
        targets: dict[str, list[str]] = {}
        for kind, name in self._package.targets(main):
            targets.setdefault(kind, []).append(name)
        self._shared = self._read_shared(targets)
        headers, footers = (sorted(set(targets.get(kind, ()))) for kind in ("header", "footer"))
        yield from dict.fromkeys(filter(None, map(self._write_part, headers)))
        for kind in ("footnote", "endnote"):
            for name, root in self._load(targets.get(f"{kind}s", ())):
                self._notes.add(kind, root, self._writer(name, Notes()).write)
        yield self._writer(main, self._notes).write(child(document, "body"))
        yield from (text for _, text in self._notes.take_rest())
        for name, root in self._load(targets.get("comments", ())):
            writer = self._writer(name, Notes())
            yield from (_write_comment(comment, writer.write(comment)) for comment in root)
        yield from dict.fromkeys(filter(None, map(self._write_part, footers)))

    def _read_shared(self, targets: dict[str, list[str]]) -> Shared:
        first = {kind: next((root for _, root in self._load(targets.get(kind, ()))), None) for kind in _DEFINITIONS}
        styles = Styles(first["styles"])
        numbering = Numbering(first["numbering"], styles)
        return Shared(self._package, styles, numbering, self._budget, self._embedded.read)

    def _load(self, names: Iterable[str]) -> Iterator[tuple[str, etree._Element]]:
        return ((name, root) for name in sorted(set(names)) if (root := self._package.read(name)) is not None)

    def _write_part(self, name: str) -> str:
        root = self._package.read(name)
        return self._writer(name, Notes()).write(root)

    def _writer(self, name: str, notes: Notes) -> StoryWriter:
        return StoryWriter(self._shared, Part(self._package, name), notes)


def _write_comment(comment: etree._Element, text: str) -> str:
    author = attribute(comment, "author")
    return f"Comment by {author}: {text}" if author and text else text
