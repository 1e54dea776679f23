"""Statements as PDF are read back by our own reader, whatever the names in them are."""

from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.statements.statement_pdf import Column, Page, fold, write_pdf

_COLUMNS = (Column("Quantity", 0.6), Column("Amount", 0.4, is_right=True))


def _read(folder: Path, content: Page) -> list[str]:
    path = folder / "statement.pdf"
    path.write_bytes(write_pdf(content))
    return [page.text for page in parse(path, PDF).pages]


def test_a_statement_is_read_back(tmp_path: Path) -> None:
    rows = [["documents", "1,234.56"], ["tokens in, gpt-4o", "0.07"]]
    [text] = _read(tmp_path, Page("Statement 2026-10", ["Organization: Zoë & Søn"], _COLUMNS, rows, ["Total: 1 EUR"]))
    for part in ("Statement 2026-10", "Organization: Zoë & Søn", "documents", "1,234.56", "gpt-4o", "Total: 1 EUR"):
        assert part in text


def test_a_long_statement_continues_on_further_pages(tmp_path: Path) -> None:
    rows = [[f"quantity {number}", f"{number}.00"] for number in range(120)]
    pages = _read(tmp_path, Page("Statement", ["A"], _COLUMNS, rows, ["Total: 7140.00 EUR"]))
    assert len(pages) == 3
    assert "Total: 7140.00 EUR" in pages[-1]
    shown = " ".join(pages).split()
    assert all(shown.count(f"{number}.00") == 1 for number in range(120))


def test_a_text_that_is_too_long_is_cut_and_the_amount_stays(tmp_path: Path) -> None:
    [text] = _read(tmp_path, Page("S", ["A"], _COLUMNS, [["model " * 60, "5.00"]], ["Total"]))
    assert "…" in text
    assert "5.00" in text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Zoë “Søn” • 5 €", "Zoë “Søn” • 5 €"),
        ("Gdańsk Ōsaka", "Gdansk Osaka"),
        ("東京 Łódź", "?? ?ódz"),
        ("a\r\n\tb\x00\u202ec", "a b??c"),
        ("🦢", "?"),
        ("ﬁle №", "file No"),
    ],
)
def test_characters_that_the_font_lacks_are_replaced(given: str, shown: str, tmp_path: Path) -> None:
    assert fold(given) == shown
    [text] = _read(
        tmp_path, Page("Statement", [f"Organization: {given}"], _COLUMNS, [["documents", "1.00"]], ["Total"])
    )
    assert "Total" in text
