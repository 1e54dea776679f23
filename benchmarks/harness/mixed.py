"""Documents of six kinds, as a team uploads them in one day. No two are equal, and each run writes the same texts.

The words are those of this project's own pages, so that their frequencies are those of English.
"""

import random
import re
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import docx

from benchmarks.harness.stack import ROOT
from tests.pipeline.documents import make_lined_pdf
from tests.pipeline.packages import make_xlsx

_STYLES = '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellXfs>'
_SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {"workbook": "sheet.main", "worksheets/sheet9": "worksheet"}
_PARTS |= {"sharedStrings": "sharedStrings", "styles": "styles"}
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    + "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{_SHEETS}.{kind}+xml"/>' for name, kind in _PARTS.items()
    )
    + "</Types>"
)
"""The list of parts, which openpyxl requires."""
_PDF_PAGES, _LINES_A_PAGE, _PARAGRAPHS, _ROWS = 6, 45, 40, 120


class Document(NamedTuple):
    """A file to upload."""

    filename: str
    content: bytes


@cache
def _list_words() -> Sequence[str]:
    pages = " ".join(page.read_text() for page in sorted((ROOT / "docs" / "adr").glob("*.md")))
    return re.findall(r"[A-Za-z]{2,}", pages)


class _Writer:
    """Writes sentences that are the same for the same number."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)  # noqa: S311, no secrets
        self.number = number

    def sentence(self, words: int = 12) -> str:
        return " ".join(self._random.choices(_list_words(), k=words)).capitalize() + f" {self.amount()}."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(5))

    def amount(self) -> int:
        return self._random.randrange(100_000)


def _write_pdf(writer: _Writer, _path: Path) -> bytes:
    return make_lined_pdf(*([writer.sentence() for _ in range(_LINES_A_PAGE)] for _ in range(_PDF_PAGES)))


def _write_docx(writer: _Writer, path: Path) -> bytes:
    document = docx.Document()
    for _ in range(_PARAGRAPHS):
        document.add_paragraph(writer.paragraph())
    document.save(str(path))
    return path.read_bytes()


def _write_xlsx(writer: _Writer, path: Path) -> bytes:
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{writer.sentence(6)}</t></is></c>'
        + "".join(f'<c r="{column}{row}"><v>{writer.amount()}</v></c>' for column in "BCDE")
        + "</row>"
        for row in range(1, _ROWS + 1)
    )
    return make_xlsx(path, {"Stock": rows}, styles=_STYLES, parts={"[Content_Types].xml": _TYPES}).read_bytes()


def _write_html(writer: _Writer, _path: Path) -> bytes:
    body = "".join(f"<h2>{writer.sentence(4)}</h2><p>{writer.paragraph()}</p>" for _ in range(_PARAGRAPHS // 2))
    links = "".join(f'<li><a href="/{n}">{writer.sentence(2)}</a></li>' for n in range(20))
    head = f"<head><title>{writer.sentence(5)}</title></head>"
    return f"<html>{head}<body><nav><ul>{links}</ul></nav><main>{body}</main></body></html>".encode()


def _write_text(writer: _Writer, _path: Path) -> bytes:
    return "\n\n".join(writer.paragraph() for _ in range(_PARAGRAPHS // 2)).encode()


def _write_mail(writer: _Writer, _path: Path) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"] = f"keeper{writer.number}@example.com", "office@example.com"
    mail["Subject"], mail["Date"] = writer.sentence(5), "Mon, 02 Nov 2026 09:00:00 +0000"
    mail.set_content("\n\n".join(writer.paragraph() for _ in range(6)))
    return mail.as_bytes()


_KINDS: dict[str, Callable[[_Writer, Path], bytes]] = {
    "pdf": _write_pdf,
    "docx": _write_docx,
    "xlsx": _write_xlsx,
    "html": _write_html,
    "txt": _write_text,
    "eml": _write_mail,
}


def make_documents(count: int, *, first: int = 0, kinds: Sequence[str] = tuple(_KINDS)) -> list[Document]:
    """Documents of these kinds in turn, numbered from ``first``. A number has the same text in every run."""
    with TemporaryDirectory() as folder:
        return [
            Document(
                f"document-{number}.{(kind := kinds[number % len(kinds)])}",
                _KINDS[kind](_Writer(number), Path(folder) / str(number)),
            )
            for number in range(first, first + count)
        ]
