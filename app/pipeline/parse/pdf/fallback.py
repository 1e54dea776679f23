"""PDF by pypdf: slower than pdfium, but pure Python. It reads files that pdfium cannot open or that crash it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pypdf
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError
from pypdf.generic import ContentStream

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    DocumentError,
    NoExtractableTextError,
    ParseLimitExceededError,
)
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.pdf.attachments import AttachedFiles
from app.pipeline.parse.pdf.metadata import name_metadata
from app.pipeline.parse.pdf.unmapped import MESSAGE, is_unmapped

_BROKEN = (
    PyPdfError,
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""The errors of pypdf over broken objects."""
_INVISIBLE = 2 | 32
_PASSWORD = 1 << 13
_FIELD_DEPTH = 50
_HYPHEN = re.compile(r"(?<=[^\W\d_])-[ \t]?\r?\n(?=[^\W\d_A-Z])")


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """Read a PDF, as ``app.pipeline.parse.pdf.reader.read`` does, but without OCR."""
    with _open(path) as reader:
        return _read(reader, report, limits)


def show_pictures(path: Path, numbers: Iterable[int]) -> bool:
    """As ``app.pipeline.parse.pdf.reader.show_pictures``. Raises as ``read``."""
    with _open(path) as reader:
        return all(_shows_picture(reader.pages[number - 1]) for number in numbers)


def is_portfolio(path: Path) -> bool:
    """Whether the file is a collection of the files within it, whose page only introduces them."""
    try:
        with _open(path) as reader:
            return "/Collection" in reader.root_object
    except DocumentError:
        return False


@contextmanager
def _open(path: Path) -> Iterator[pypdf.PdfReader]:
    """The open file. Errors of pypdf are raised as errors of the document."""
    try:
        with path.open("rb") as file:
            reader = pypdf.PdfReader(file)
            if reader.is_encrypted and not reader.decrypt(""):
                raise DocumentEncryptedError
            yield reader
    except (FileNotDecryptedError, pypdf.errors.DependencyError) as error:
        raise DocumentEncryptedError from error
    except LimitReachedError as error:
        raise ParseLimitExceededError(str(error)) from error
    except _BROKEN as error:
        raise DocumentDamagedError(str(error)[:200]) from error


def _read(reader: pypdf.PdfReader, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    total = len(reader.pages)
    if total > limits.pages:
        raise ParseLimitExceededError(f"It has {count_of(total, 'page')}; the limit is {limits.pages}.")
    if total == 0:
        raise DocumentDamagedError("It has no pages.")
    pages, unreadable = list[Page](), list[int]()
    files = AttachedFiles(limits)
    for number, page in enumerate(reader.pages, 1):
        text = _HYPHEN.sub("", page.extract_text())
        with suppress(*_BROKEN):
            text = "\n".join([text, *_read_annotations(page)])
        if is_unmapped(text):
            unreadable.append(number)
        else:
            pages.append(Page(number, text))
        report(number, total)
    if unreadable and not any(page.text.strip() for page in pages):
        raise NoExtractableTextError(MESSAGE)
    with suppress(*_BROKEN):
        _add_files(reader, files)
    metadata = {**name_metadata((reader.metadata or {}).items()), "page_count": total, "unreadable_pages": unreadable}
    return Parsed(files.list_on(pages), metadata, files.files)


def _read_annotations(page: pypdf.PageObject) -> Iterator[str]:
    """The values of fields, by their names, and the texts of notes and typed text."""
    for reference in page.get("/Annots") or ():
        item = reference.get_object()
        if not isinstance(item, dict) or int(item.get("/F", 0)) & _INVISIBLE:
            continue
        if item.get("/Subtype") == "/Widget":
            name, value = _inherit(item, "/T"), _inherit(item, "/V")
            kind, flags = _inherit(item, "/FT"), _inherit(item, "/Ff") or 0
            if kind in {"/Tx", "/Ch"} and value and not (kind == "/Tx" and int(flags) & _PASSWORD):
                yield f"{name}: {value}" if name else str(value)
        elif item.get("/Subtype") not in {"/Link", "/Popup"} and item.get("/Contents"):
            yield str(item["/Contents"])


def _inherit(field: Any, key: str) -> Any:
    """A value of a field or of its parents."""
    for _ in range(_FIELD_DEPTH):
        if not isinstance(field, dict):
            return None
        if key in field:
            return field[key]
        field = field.get("/Parent")
        field = field.get_object() if field is not None else None
    return None


def _add_files(reader: pypdf.PdfReader, files: AttachedFiles) -> None:
    """Add the embedded files. Those that cannot be read are only named."""
    for file in reader.attachment_list:
        try:
            files.add(file.name, file.content)
        except _BROKEN:
            files.add(file.name, None)


def _shows_picture(page: pypdf.PageObject) -> bool:
    """Whether the content of a page, or of a form that it draws, draws a picture."""
    drawn: list[Any] = [page]
    seen: set[int] = set()
    for holder in drawn:  # grows by the forms that are found
        content = page.get_contents() if holder is page else ContentStream(holder, page.pdf)
        objects = _look_up(_look_up(holder, "/Resources"), "/XObject")
        for operands, operator in () if content is None else content.operations:
            entry = _look_up(objects, str(operands[0])) if operator == b"Do" and operands else None
            if operator == b"INLINE IMAGE" or _look_up(entry, "/Subtype") == "/Image":
                return True
            if entry is not None and id(entry) not in seen:
                seen.add(id(entry))
                drawn.append(entry)
    return False


def _look_up(entries: Any, name: str) -> Any:
    """The object of that name; None where it is missing."""
    return entries[name] if isinstance(entries, dict) and name in entries else None
