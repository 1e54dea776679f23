"""How accurate the text of documents is, compared with other libraries on the same files by the same formulas.

It needs the corpus of real documents beside this checkout, where the tests expect it as well. Libraries that are not
installed are left out; ``pip install resiliparse`` adds one. docs/text-quality.md defines the formulas.
"""

import gzip
import importlib
import json
import logging
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from app.domain.errors import DocumentError
from app.domain.media import DOCX, HTML, PDF
from app.pipeline.parse import parse
from benchmarks.report.figures import Figure

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
Reader = Callable[[Path], str]

_BOOK = "GeoTopo-komprimiert"
_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r" \((?:https?://|[\w.+-]+@)[^\s]*\)|^https?://\S+$", re.MULTILINE)
"""The address of a link. The true articles contain none, so the comparison leaves them out."""
_REPEATED = re.compile(r"<mc:Fallback>.*?</mc:Fallback>", re.DOTALL)
_GAP = re.compile(r"<w:(?:br|tab|cr)(?: [^>]*)?/>")
_TEXT_ELEMENT = re.compile(r"<w:t(?: [^>]*)?>([^<]*)</w:t>")


def measure() -> list[Figure]:
    """Text quality in per cent. The target of Sluice is the result of the best library."""
    if not CORPUS.is_dir():
        print(f"quality: skipped, because there is no corpus at {CORPUS}")
        return []
    logging.disable(logging.WARNING)  # the libraries log every irregular font
    try:
        return [*_measure_pdf(), *_measure_html(), *_measure_docx(), _measure_speed()]
    finally:
        logging.disable(logging.NOTSET)


def likeness(truth: str, found: str) -> float:
    """Twice the longest common subsequence of characters over both lengths, white space folded; 1 for equal texts.

    By bit-parallel dynamic programming (Hyyrö 2004), with one step of big integers for each character.
    """
    first, second = " ".join(truth.split()), " ".join(found.split())
    places: dict[str, int] = {}
    for index, character in enumerate(first):
        places[character] = places.get(character, 0) | 1 << index
    every = (1 << len(first)) - 1
    row = every
    for character in second:
        matches = row & places.get(character, 0)
        row = (row + matches | row - matches) & every
    return 2 * (len(first) - row.bit_count()) / max(1, len(first) + len(second))


def agree(truth: str, found: str) -> tuple[float, float]:
    """Precision and recall of runs of four words, each counted as often as it occurs."""
    true, given = _shingles(truth), _shingles(found)
    common = (true & given).total()
    return common / max(1, given.total()), common / max(1, true.total())


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter(tuple(words[index : index + 4]) for index in range(max(min(1, len(words)), len(words) - 3)))


def _read_ours(media_type: str) -> Reader:
    return lambda path: "\n".join(page.text for page in parse(path, media_type).pages)


def _read_our_words(path: Path) -> str:
    """The text of a page without the addresses of its links."""
    return _ADDRESS.sub("", _read_ours(HTML)(path))


def _installed(**readers: tuple[str, Callable[[Any], Reader]]) -> dict[str, Reader]:
    """The readers whose library is installed."""
    found = {}
    for name, (module, make) in readers.items():
        try:
            found[name.replace("_", " ")] = make(importlib.import_module(module))
        except ModuleNotFoundError:
            print(f"quality: without {module}, which is not installed")
    return found


def _compare(title: str, unit: str, ours: float, others: Mapping[str, float]) -> list[Figure]:
    best = round(100 * max(others.values()), 2) if others else None
    rows = [Figure(f"{title}: {name}", round(100 * value, 2), unit) for name, value in others.items()]
    return [Figure(f"{title}: Sluice", round(100 * ours, 2), unit, at_least=best), *rows]


def _measure_pdf() -> list[Figure]:
    path = CORPUS / "good" / f"{_BOOK}.pdf"
    truth = (CORPUS / "truth" / f"{_BOOK}.txt").read_text("utf-8")
    others = _installed(
        pypdfium2=("pypdfium2", lambda library: lambda file: _read_pdfium(library, file)),
        pypdf=(
            "pypdf",
            lambda library: lambda file: "\n".join(p.extract_text() for p in library.PdfReader(file).pages),
        ),
    )
    found = {name: likeness(truth, read(path)) for name, read in others.items()}
    return _compare("PDF", "likeness, %", likeness(truth, _read_ours(PDF)(path)), found)


def _read_pdfium(library: Any, path: Path) -> str:
    document = library.PdfDocument(path)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def _measure_html() -> list[Figure]:
    truths = json.loads((CORPUS / "html" / "ground-truth.json").read_text("utf-8"))
    others = _installed(
        trafilatura=("trafilatura", lambda library: lambda file: _trafilatura(library, file)),
        trafilatura_precise=("trafilatura", lambda library: lambda file: _trafilatura(library, file, precise=True)),
        resiliparse=("resiliparse.extract.html2text", lambda library: lambda file: _resiliparse(library, file)),
    )
    with TemporaryDirectory() as folder:
        pages = {Path(folder) / f"{name}.html": page["articleBody"] for name, page in truths.items()}
        for path in pages:
            path.write_bytes(gzip.decompress((CORPUS / "html" / f"{path.name}.gz").read_bytes()))
        found = {name: _score(read, pages) for name, read in others.items()}
        return _compare("HTML", "F1, %", _score(_read_our_words, pages), found)


def _trafilatura(library: Any, path: Path, *, precise: bool = False) -> str:
    return str(library.extract(path.read_bytes(), fast=True, include_comments=False, favor_precision=precise) or "")


def _resiliparse(library: Any, path: Path) -> str:
    return str(library.extract_plain_text(path.read_text("utf-8", "replace"), main_content=True))


def _score(read: Reader, pages: Mapping[Path, str]) -> float:
    """F1 of the mean precision and the mean recall."""
    scores = [agree(truth, read(path)) for path, truth in pages.items()]
    precision, recall = (float(sum(column)) / len(scores) for column in zip(*scores, strict=True))
    return 2 * precision * recall / (precision + recall)


def _measure_docx() -> list[Figure]:
    others = _installed(
        python_docx=("docx", lambda library: lambda file: "\n".join(_python_docx(library.Document(file)))),
    )
    files = sorted((CORPUS / "good").glob("*.docx"))
    found = {name: _share_of_words(read, files) for name, read in others.items()}
    ours = _share_of_words(_read_ours(DOCX), files)
    return _compare("DOCX", "words kept, %", ours, found)


def _python_docx(document: Any) -> list[str]:
    tables = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return [*(paragraph.text for paragraph in document.paragraphs), *tables]


def _share_of_words(read: Reader, files: list[Path]) -> float:
    """The mean share of the words in the XML of a body that the text contains as often."""
    shares = list[float]()
    for path in files:
        with zipfile.ZipFile(path) as package:
            body = _REPEATED.sub("", package.read("word/document.xml").decode("utf-8"))
        body = _GAP.sub("<w:t> </w:t>", body)
        paragraphs = ("".join(_TEXT_ELEMENT.findall(paragraph)) for paragraph in body.split("</w:p>"))
        true = Counter(_WORD.findall(unescape("\n".join(paragraphs))))
        shares.append((true & Counter(_WORD.findall(read(path)))).total() / max(1, true.total()))
    return sum(shares) / len(shares)


def _measure_speed() -> Figure:
    pages, began = 0, time.process_time()
    for path in sorted((CORPUS / "good").glob("*.pdf")):
        try:
            pages += len(parse(path, PDF).pages)
        except DocumentError:  # damaged and scanned files do not count
            continue
    return Figure("PDF: Sluice, whole corpus", pages / (time.process_time() - began), "pages/s")
