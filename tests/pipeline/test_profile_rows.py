"""Lists of customer profiles: the rows of tables and JSON, each a profile or an error that names line and column."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import InvalidListError
from app.pipeline.parse.limits import Limits
from app.pipeline.profiles.rows import read_rows

HEADER = "Company name;Website;E-Mail;Phone;Country;Twitter;LinkedIn;Industry;Enrich every days\n"
GOOD = "Weir Works;weirworks.co.uk;a@weir.com|b@weir.com;0113 496 0123;United Kingdom;@WeirWorks;;pumps|gates;30\n"


def read(folder: Path, text: str) -> list[dict[str, Any]]:
    """The rows of a list."""
    path = folder / "list"
    path.write_text(text)
    rows: list[dict[str, Any]] = read_rows(path, Limits()).metadata["rows"]
    return rows


def test_a_row_of_a_table_becomes_a_profile(tmp_path: Path) -> None:
    [row] = read(tmp_path, HEADER + GOOD)
    assert (row["line"], row["name"], row["website"]) == (2, "Weir Works", "https://weirworks.co.uk")
    assert row["fields"] == {
        "country": "GB",
        "emails": ["a@weir.com", "b@weir.com"],
        "phones": ["+441134960123"],
        "industries": ["pumps", "gates"],
        "socials": {"x": "https://x.com/weirworks"},
    }
    assert (row["enrich_every_days"], row["error"]) == (30, None)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (";weir.com;;;;;;;\n", "name", "name_missing"),
        ("Weir;weir.com;not mail;;;;;;\n", "emails", "value_invalid"),
        ("Weir;weir.com;;;Atlantis;;;;\n", "country", "value_invalid"),
        ("Weir;weir.com;;;;https://x.com/share;;;\n", "x", "value_invalid"),
        ("Weir;weir.com;;;;;https://evil.example/company/weir;;\n", "linkedin", "value_invalid"),
        ("Weir;weir.com;;;;;;;soon\n", "enrich_every_days", "number_invalid"),
        ("Weir;weir.com;;;;;;;0\n", "enrich_every_days", "number_invalid"),
        (f"Weir;weir.com;;;;;;{'a|' * 11};\n", "industries", "value_invalid"),
        (f"{'W' * 201};weir.com;;;;;;;\n", "name", "value_invalid"),
        ("Weir;weir.com;;;;;;;7;more\n", None, "row_invalid"),
        ("Other;weirworks.co.uk;;;;;;;\n", "website", "row_invalid"),
    ],
)
def test_a_wrong_row_is_named_by_its_line_and_column(tmp_path: Path, row: str, column: str | None, code: str) -> None:
    good, bad, last = read(tmp_path, f"{HEADER}{GOOD}\n{row}Last;;;;;;;;\n")
    assert (good["error"], last["error"], last["line"]) == (None, None, 5)
    assert (bad["line"], bad["error"]["column"], bad["error"]["code"]) == (4, column, code)
    assert len(bad["error"]["value"] or "") <= 100


def test_json_has_the_same_columns(tmp_path: Path) -> None:
    given = [{"name": "Weir", "emails": ["a@weir.com"], "founded": 1987}, {"name": ["Weir"]}, "Weir", {"size": 3}]
    good, *bad = read(tmp_path, json.dumps({"profiles": given}))
    assert (good["line"], good["fields"]) == (0, {"emails": ["a@weir.com"], "founded": "1987"})
    assert [row["error"]["code"] for row in bad] == ["value_invalid", "row_invalid", "column_unknown"]


@pytest.mark.parametrize("text", ["", "name\n", "website\nweir.com\n", "name,size\nWeir,3\n", "{}", '["a'])
def test_a_file_that_is_no_list_of_profiles_is_refused_as_a_whole(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidListError):
        read(tmp_path, text)


def test_more_than_five_thousand_rows_are_refused(tmp_path: Path) -> None:
    lines = "".join(f"Weir {number}\n" for number in range(5_001))
    assert len(read(tmp_path, f"name\n{lines.removesuffix(f'Weir 5000{chr(10)}')}")) == 5_000
    with pytest.raises(InvalidListError, match="5,000"):
        read(tmp_path, f"name\n{lines}")
