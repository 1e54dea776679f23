"""Readers of other libraries, as they are commonly used: ``path -> text``. None is installed with Sluice for this."""

import email
import email.policy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

Reader = Callable[[Path], str]


def _pypdf(path: Path) -> str:
    return "\n".join(page.extract_text() for page in import_module("pypdf").PdfReader(path).pages)


def _pdfium(path: Path) -> str:
    document = import_module("pypdfium2").PdfDocument(path)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def _pdfminer(path: Path) -> str:
    return str(import_module("pdfminer.high_level").extract_text(path))


def _python_docx(path: Path) -> str:
    document = import_module("docx").Document(path)
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def _mammoth(path: Path) -> str:
    with path.open("rb") as file:
        return str(import_module("mammoth").extract_raw_text(file).value)


def _docx2python(path: Path) -> str:
    return str(import_module("docx2python").docx2python(path).text)


def _openpyxl(path: Path) -> str:
    workbook = import_module("openpyxl").load_workbook(path, data_only=True, read_only=True)
    rows = (row for sheet in workbook.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(" ".join(str(cell) for cell in row if cell is not None) for row in rows)


def _calamine(path: Path) -> str:
    workbook = import_module("python_calamine").CalamineWorkbook.from_path(path)
    rows = (row for name in workbook.sheet_names for row in workbook.get_sheet_by_name(name).to_python())
    return "\n".join(" ".join(map(str, row)) for row in rows)


def _xlrd(path: Path) -> str:
    sheets = import_module("xlrd").open_workbook(path).sheets()
    return "\n".join(" ".join(map(str, sheet.row_values(row))) for sheet in sheets for row in range(sheet.nrows))


def _python_pptx(path: Path) -> str:
    texts = list[str]()
    for slide in import_module("pptx").Presentation(path).slides:
        shapes = list[Any](slide.shapes)
        for shape in shapes:  # grows by the shapes of groups
            shapes += getattr(shape, "shapes", ())
            texts += [shape.text_frame.text] if shape.has_text_frame else []
            rows = shape.table.rows if shape.has_table else ()
            texts += [cell.text for row in rows for cell in row.cells]
        texts += [slide.notes_slide.notes_text_frame.text] if slide.has_notes_slide else []
    return "\n".join(texts)


def _odfpy(path: Path) -> str:
    return str(import_module("odf.teletype").extractText(import_module("odf.opendocument").load(path).body))


def _striprtf(path: Path) -> str:
    return str(import_module("striprtf.striprtf").rtf_to_text(path.read_bytes().decode("latin-1"), errors="ignore"))


def _email(path: Path) -> str:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain", "html"))
    return "\n".join([message.get("subject", ""), body.get_content() if body else ""])


def _html2text(path: Path) -> str:
    return str(import_module("html2text").html2text(read_utf8(path)))


def _beautifulsoup(path: Path) -> str:
    return str(import_module("bs4").BeautifulSoup(read_utf8(path), "html.parser").get_text("\n", strip=True))


def read_utf8(path: Path) -> str:
    """The text of a file in UTF-8."""
    return path.read_text("utf-8", "replace")


def _resiliparse(path: Path) -> str:
    extract = import_module("resiliparse.extract.html2text").extract_plain_text
    return str(extract(read_utf8(path), main_content=False))


def _kreuzberg(path: Path) -> str:
    return str(import_module("kreuzberg").extract_file_sync(str(path)).content)


PEERS: dict[str, dict[str, tuple[str, Reader]]] = {
    "pdf": {
        "pypdfium2": ("pypdfium2", _pdfium),
        "pypdf": ("pypdf", _pypdf),
        "pdfminer.six": ("pdfminer", _pdfminer),
    },
    "docx": {
        "python-docx": ("docx", _python_docx),
        "mammoth": ("mammoth", _mammoth),
        "docx2python": ("docx2python", _docx2python),
    },
    "pptx": {"python-pptx": ("pptx", _python_pptx)},
    "xlsx": {"openpyxl": ("openpyxl", _openpyxl), "calamine": ("python_calamine", _calamine)},
    "xls": {"xlrd": ("xlrd", _xlrd), "calamine": ("python_calamine", _calamine)},
    "xlsb": {"calamine": ("python_calamine", _calamine)},
    "odt": {"odfpy": ("odf", _odfpy)},
    "ods": {"odfpy": ("odf", _odfpy)},
    "odp": {"odfpy": ("odf", _odfpy)},
    "rtf": {"striprtf": ("striprtf", _striprtf)},
    "eml": {"email": ("email", _email)},
    "html": {
        "html2text": ("html2text", _html2text),
        "resiliparse": ("resiliparse", _resiliparse),
        "BeautifulSoup": ("bs4", _beautifulsoup),
    },
    "epub": {},
    "msg": {},
    "doc": {},
    "ppt": {},
}
"""For each suffix the libraries that read it, by name: the module that must be installed, and the reader."""
for _readers in PEERS.values():
    _readers["kreuzberg"] = ("kreuzberg", _kreuzberg)
