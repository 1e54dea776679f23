"""PDF by pypdf: slower than pdfium, but pure Python. It reads files that pdfium cannot open or that crash it."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pypdf
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError
from pypdf.generic import ContentStream

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.pdf.metadata import name_metadata

_HYPHEN = re.compile(r"(?<=[^\W\d_])-[ \t]?\r?\n(?=[^\W\d_A-Z])")


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """Read a PDF, as ``app.pipeline.parse.pdf.reader.read`` does, but without OCR."""
    with _open(path) as reader:
        return _read(reader, report, limits)


def show_pictures(path: Path, numbers: Iterable[int]) -> bool:
    """As ``app.pipeline.parse.pdf.reader.show_pictures``. Raises as ``read``."""
    with _open(path) as reader:
        return all(_shows_picture(reader.pages[number - 1]) for number in numbers)


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
    except (PyPdfError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise DocumentDamagedError(str(error)[:200]) from error  # pypdf raises any of these over broken objects


def _read(reader: pypdf.PdfReader, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    total = len(reader.pages)
    if total > limits.pages:
        raise ParseLimitExceededError(f"It has {count_of(total, 'page')}; the limit is {limits.pages}.")
    if total == 0:
        raise DocumentDamagedError("It has no pages.")
    pages = []
    for number, page in enumerate(reader.pages, 1):
        pages.append(Page(number, _HYPHEN.sub("", page.extract_text())))
        report(number, total)
    return Parsed(pages, {**name_metadata((reader.metadata or {}).items()), "page_count": total})


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
