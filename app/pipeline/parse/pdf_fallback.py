"""PDF by pypdf: slower, but pure Python, so it survives files that pdfium cannot open or dies of."""

import re
from collections.abc import Callable
from pathlib import Path

import pypdf
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.pdf_metadata import name_metadata

_HYPHEN = re.compile(r"(?<=[^\W\d_])-[ \t]?\r?\n(?=[^\W\d_A-Z])")


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """As ``app.pipeline.parse.pdf.read``."""
    try:
        with path.open("rb") as file:
            return _read(pypdf.PdfReader(file), report, limits)
    except (FileNotDecryptedError, pypdf.errors.DependencyError) as error:
        raise DocumentEncryptedError from error
    except LimitReachedError as error:
        raise ParseLimitExceededError(str(error)) from error
    except (PyPdfError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise DocumentDamagedError(str(error)[:200]) from error  # broken objects surface as any of these


def _read(reader: pypdf.PdfReader, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentEncryptedError
    total = len(reader.pages)
    if total > limits.pages:
        raise ParseLimitExceededError(f"It has {total} pages; {limits.pages} are allowed.")
    if total == 0:
        raise DocumentDamagedError("It has no pages.")
    pages = []
    for number, page in enumerate(reader.pages, 1):
        pages.append(Page(number, _HYPHEN.sub("", page.extract_text())))
        report(number, total)
    return Parsed(pages, {**name_metadata((reader.metadata or {}).items()), "page_count": total})
