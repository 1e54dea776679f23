"""What is read from lists of agents: every quirk of the programs that write them."""

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import InvalidListError, ParseLimitExceededError
from app.domain.onboarding import MAX_ROWS
from app.pipeline.parse.limits import Limits
from tests.onboarding.lists import list_errors, list_names, make_large_list, make_workbook, read


def test_settings_documents_and_metadata_are_columns(tmp_path: Path) -> None:
    [row] = read(
        tmp_path,
        "name,slug,chunk_size,chunk_overlap,weight,max_in_flight,documents,metadata\n"
        'Support,support,800,100,3,4,https://example.com/a;https://example.com/b,"{""year"": 2026}"\n',
    )
    assert row == {
        "line": 2,
        "name": "Support",
        "slug": "support",
        "settings": {"chunk_size": 800, "chunk_overlap": 100, "weight": 3, "max_in_flight": 4},
        "urls": ["https://example.com/a", "https://example.com/b"],
        "metadata": {"year": 2026},
        "error": None,
    }


@pytest.mark.parametrize("header", ["NAME", " Agent Name ", "customer", "Company", "\ufeffName", "agent-name", "Title"])
def test_headers_match_in_any_case_and_by_common_names(tmp_path: Path, header: str) -> None:
    assert list_names(read(tmp_path, f"{header},Chunk Size,Website\nA,500,https://example.com\n")) == ["A"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_end(tmp_path: Path, delimiter: str, end: str) -> None:
    rows = [delimiter.join(row) for row in (("name", "slug"), ("A, B", "a"), ("C; D", "c"), ("", ""), ("E", "e"))]
    quoted = [row.replace("A, B", '"A, B"').replace("C; D", '"C; D"') for row in rows]
    found = read(tmp_path, end.join(quoted))
    assert [(row["line"], row["name"]) for row in found] == [(2, "A, B"), (3, "C; D"), (5, "E")]


def test_a_first_line_may_state_the_delimiter(tmp_path: Path) -> None:
    assert [row["line"] for row in read(tmp_path, "sep=;\nname;slug\nA;a\n")] == [3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = "name;slug\nMüller & Söhne;mueller\nCafé Éclair;cafe\nGrüße aus Köln;koeln\n"
    assert list_names(read(tmp_path, text.encode(encoding))) == ["Müller & Söhne", "Café Éclair", "Grüße aus Köln"]


def test_the_line_is_that_of_the_file_after_quoted_line_breaks_and_empty_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, '\n\nname,documents\n"A\nB","https://a.example\nhttps://b.example"\n\n,\nC\n,x,y\n')
    assert [(row["line"], row["name"]) for row in rows] == [(4, "A B"), (9, "C"), (10, "")]
    assert rows[0]["urls"] == ["https://a.example", "https://b.example"]


def test_a_single_column_may_contain_any_delimiter(tmp_path: Path) -> None:
    assert list_names(read(tmp_path, "name\nAcme, Inc.\nA; B | C\n")) == ["Acme, Inc.", "A; B | C"]


def test_digits_that_a_spreadsheet_keeps_as_text_and_formulas_are_texts(tmp_path: Path) -> None:
    rows = read(tmp_path, 'name,slug\n"=""00123""",a\n=1+1,b\n')
    assert list_names(rows) == ["00123", "=1+1"]


def test_a_cell_of_a_megabyte_is_an_error_of_its_row_alone(tmp_path: Path) -> None:
    rows = read(tmp_path, f"name,slug\n{'x' * 1024 * 1024},a\nB,b\n")
    assert list_errors(rows) == [(2, "name", "name_invalid")]
    assert len(rows[0]["error"]["value"]) == 100
    assert rows[1]["name"] == "B"


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        (",a,,", "name", "name_missing"),
        ("x" * 201 + ",a,,", "name", "name_invalid"),
        ("A,Not A Slug,,", "slug", "slug_invalid"),
        ("A,a--b,,", "slug", "slug_invalid"),
        ("A,a,many,", "chunk_size", "number_invalid"),
        ("A,a,99,", "chunk_size", "number_invalid"),
        ("A,a,10.5,", "chunk_size", "number_invalid"),
        ("A,a,1e3,", "chunk_size", "number_invalid"),
        ("A,a,300,", "chunk_overlap", "setting_invalid"),
        ("A,a,,0", "weight", "number_invalid"),
        ("A,a,,,too,many", None, "row_invalid"),
    ],
)
def test_a_wrong_cell_names_its_line_column_and_code(tmp_path: Path, row: str, column: str, code: str) -> None:
    rows = read(tmp_path, f"name,slug,chunk_size,weight\nGood,good,,\n{row}\nLast,last,,\n")
    assert list_errors(rows) == [(3, column, code)]
    assert list_names(rows) == ["Good", "", "Last"]


def test_a_row_with_several_faults_has_one_error_that_names_them_all(tmp_path: Path) -> None:
    [row] = read(tmp_path, "name,chunk_size,weight\n,x,900\n")
    assert (row["error"]["column"], row["error"]["code"]) == ("name", "name_missing")
    assert "chunk_size: Must be" in row["error"]["message"]


def test_a_slug_that_a_former_row_has_is_an_error_that_names_that_row(tmp_path: Path) -> None:
    rows = read(tmp_path, "name,slug\nA,same\nB,same\nSame,\n")
    assert list_errors(rows) == [(3, "slug", "slug_duplicated"), (4, "slug", "slug_duplicated")]
    assert rows[1]["error"]["message"].startswith("Line 2 ")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("name,slug\n", "no rows"),
        ("name,phone\nA,1\n", "“phone”"),
        ("slug\na\n", "no column `name`"),
        ("name,Company\nA,B\n", "More than one column is `name`"),
        ('name,slug\nA,a\n"B,b\nC,c\n', "line 3"),
        ("{not json", "not valid JSON"),
        ({"rows": []}, "the list `agents`"),
        ({"agents": [{"name": "A"}], "atomic": True}, "“atomic”"),
        ([], "no rows"),
    ],
)
def test_a_file_that_is_no_list_has_one_clear_error(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(InvalidListError, match=words):
        read(tmp_path, data)


def test_a_list_has_at_most_so_many_rows(tmp_path: Path) -> None:
    rows = "".join(f"A{number}\n" for number in range(MAX_ROWS + 1))
    with pytest.raises(InvalidListError, match="Split it"):
        read(tmp_path, f"name\n{rows}")


def test_json_rows_are_numbered_by_their_index(tmp_path: Path) -> None:
    agents = [
        {"name": "A", "settings": {"chunk_size": 500}, "documents": ["https://example.com/"], "metadata": {"a": 1}},
        {"name": "B", "wight": 3},
        "C",
        {"name": "D", "settings": {"speed": 1}},
        {"name": True},
        {"name": "\ud800"},
        {"name": "E", "max_in_flight": None, "weight": 2.0},
        {"name": "F", "metadata": [1]},
        {"name": "G", "documents": [1]},
        {"name": "H\0"},
    ]
    for data in (agents, {"agents": agents}):
        rows = read(tmp_path, data)
        assert list_errors(rows) == [
            (1, "wight", "column_unknown"),
            (2, None, "row_invalid"),
            (3, "settings", "setting_invalid"),
            (4, "name", "name_invalid"),
            (5, "name", "name_invalid"),
            (7, "metadata", "metadata_invalid"),
            (8, "documents", "url_invalid"),
            (9, "name", "name_invalid"),
        ]
        assert rows[6]["settings"] == {"weight": 2}


def test_json_lines_are_numbered_by_their_line(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"name": "A"}\r\n\n{"name": "B", "slug": "no slug"}\n{"name": \n["C"]\n{"name": "D"}\n')
    assert [(row["line"], row["name"]) for row in rows if row["name"]] == [(1, "A"), (6, "D")]
    assert list_errors(rows) == [(3, "slug", "slug_invalid"), (4, None, "row_invalid"), (5, None, "row_invalid")]


def test_a_workbook_gives_the_rows_of_its_first_filled_sheet(tmp_path: Path) -> None:
    table: list[list[object]] = [
        ["Name", "Slug", "Chunk size"],
        ["A", 1001, 800],
        [None, None, None],
        ["B", "b", 800.5],
        [42, "c", "900"],
    ]
    rows = read(tmp_path, make_workbook(tmp_path, table, blank_sheet_first=True))
    assert [(row["line"], row["name"], row["slug"]) for row in rows] == [(2, "A", "1001"), (4, "", ""), (5, "42", "c")]
    assert list_errors(rows) == [(4, "chunk_size", "number_invalid")]


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO(make_workbook(tmp_path, [["name"], ["A"]]))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/zeros.bin", bytes(8 * 1024 * 1024))
    with pytest.raises(ParseLimitExceededError):
        read(tmp_path, packed.getvalue(), Limits(inflated_bytes=1024 * 1024))


def test_ten_thousand_rows_with_faults_name_the_line_of_each(tmp_path: Path) -> None:
    text, wrong = make_large_list()
    rows = read(tmp_path, text)
    assert len(rows) == 10_000
    assert [line for line, _, _ in list_errors(rows)] == wrong
    assert len(wrong) == 37
