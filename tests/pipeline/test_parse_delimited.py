from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError
from app.domain.media import CSV, TSV
from app.pipeline.chunking.chunk import split
from app.pipeline.parse import parse


def read(folder: Path, data: bytes, media_type: str = CSV) -> str:
    path = folder / "a"
    path.write_bytes(data)
    return parse(path, media_type).pages[0].text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"name,toll\nAda,5\n", "name | toll\nAda | 5"),
        (b"name;toll\r\nAda;5,50\r\nBo;7,25\r\n", "name | toll\nAda | 5,50\nBo | 7,25"),
        (b"5,50;7,25\n1,25;2,75\n", "5,50 | 7,25\n1,25 | 2,75"),
        (b"name\ttoll\nAda, B.\t5\n", "name | toll\nAda, B. | 5"),
        (b"a|b\n1|2\n", "a | b\n1 | 2"),
        (b"sep=;\na;b,c\n", "a | b,c"),
        (b"only\none\n\ncolumn\n", "only\none\n\ncolumn"),
        (b"1,Ada,ice|snow,5\n2,Bo,ice|rain,7\n", "1 | Ada | ice|snow | 5\n2 | Bo | ice|rain | 7"),
        (b"1,Ada,ice | snow,5\n2,Bo,dry,7\n", "1 | Ada | ice|snow | 5\n2 | Bo | dry | 7"),
        (b"no,kinds,toll\n1,a|b|c|d,5\n2,e|f|g|h,7\n", "no | kinds | toll\n1 | a|b|c|d | 5\n2 | e|f|g|h | 7"),
        (b"no,kinds,toll\n1,a;b;c,5\n2,d;e;f,7\n", "no | kinds | toll\n1 | a;b;c | 5\n2 | d;e;f | 7"),
        (b"Poe, Ada;Lyon, France\nRay, Bo;Nice, France\n", "Poe, Ada | Lyon, France\nRay, Bo | Nice, France"),
        (b"a|b|c\n1|Ada, Inc|2\n", "a | b | c\n1 | Ada, Inc | 2"),
        (b"a, b, c\n1, 2, 3\n", "a | b | c\n1 | 2 | 3"),
        (b"\n\na,b\n1,2,3,4\n5\n6,7\n", "a | b\n1 | 2 | 3 | 4\n5\n6 | 7"),
        (b"\xef\xbb\xbfa;b\n1;2\n", "a | b\n1 | 2"),
        (b"SEP=|\na|b,c\n", "a | b,c"),
        (b'a,"two\nlines, one cell"\n,x,\n\n', "a | two lines, one cell\n | x"),
        ("Größe;Maß\n1;2".encode("utf-16"), "Größe | Maß\n1 | 2"),
        ("Straße;Größe\nKöln;2".encode("latin-1"), "Straße | Größe\nKöln | 2"),
    ],
)
def test_rows_become_lines_whatever_parts_their_fields(tmp_path: Path, data: bytes, text: str) -> None:
    assert read(tmp_path, data) == text


def test_tabs_part_fields_that_hold_commas(tmp_path: Path) -> None:
    assert read(tmp_path, b"a, b\tc\n1, 2\t3\n", TSV) == "a, b | c\n1, 2 | 3"


def test_a_quote_that_is_never_closed_swallows_no_row(tmp_path: Path) -> None:
    rows = b"".join(b"r%d,v\n" % number for number in range(40_000))
    text = read(tmp_path, b'name,note\nAda,"never closed\n' + rows)
    assert text.startswith('name | note\nAda | "never closed\nr0 | v\n')
    assert text.endswith("r39999 | v")


def test_noise_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DocumentDamagedError):
        read(tmp_path, bytes(range(256)) * 8)


def find_context(folder: Path, data: str) -> str:
    """The header that the last chunk of a file carries."""
    path = folder / "a"
    path.write_text(data)
    return list(split(parse(path, CSV).pages))[-1].context


ROWS = "".join(f"2026-01-{day % 28 + 1:02};Lock number {day};{day},50\n" for day in range(200))


@pytest.mark.parametrize(
    "before",
    [
        "",
        "Tolls of the year\n",
        "Tolls of the year\n\n",
        "Account;77\nFrom;2026-01-01\nTo;2026-12-31\n\n",
        "Tolls;;\nAccount;77;\n;;\n",
        "\n\nTolls\n\n\n",
    ],
)
def test_lines_above_a_table_do_not_hide_the_names_of_its_columns(tmp_path: Path, before: str) -> None:
    assert find_context(tmp_path, f"{before}Day;Lock;Toll\n{ROWS}") == "Day | Lock | Toll"


def test_a_blank_line_within_a_table_does_not_end_it(tmp_path: Path) -> None:
    rows = "".join(f"Lock {number},{number},north\n" for number in range(80))
    assert find_context(tmp_path, f"Name,Toll,Bank\n{rows}\n{rows}Sum,1,\n") == "Name | Toll | Bank"


def test_a_second_table_has_a_header_of_its_own(tmp_path: Path) -> None:
    first = "".join(f"Lock {number},{number}\n" for number in range(30))
    second = "".join(f"Barge {number},{number * 7}\n" for number in range(80))
    assert find_context(tmp_path, f"Name,Toll\n{first}\nBarge,Load\n{second}") == "Barge | Load"


def test_a_line_end_in_a_quoted_field_belongs_to_its_row(tmp_path: Path) -> None:
    rows = "".join(f'{number},"Lock\n{number}, north"\n' for number in range(3))
    assert read(tmp_path, f"no,name\n{rows}".encode()).split("\n")[1:] == [f"{n} | Lock {n}, north" for n in range(3)]


def test_the_names_of_columns_reach_the_last_chunk_of_a_large_table(tmp_path: Path) -> None:
    rows = "".join(f"Lock number {number},{number},{number * 2},north bank of the canal\n" for number in range(30_000))
    assert find_context(tmp_path, f"Name,Fall,Toll,Place\n{rows}") == "Name | Fall | Toll | Place"


def test_a_field_of_any_length_keeps_its_columns(tmp_path: Path) -> None:
    long = "a word, " * 30_000
    text = read(tmp_path, f'name,note,sum\nAda,"{long}end",5\nBo,"x, y",6\n'.encode())
    assert text.startswith("name | note | sum\nAda | a word, a word, ")
    assert text.endswith("a word, end | 5\nBo | x, y | 6")


def test_a_quote_within_a_field_changes_no_other_row(tmp_path: Path) -> None:
    text = read(tmp_path, b'name,note,sum\nAda,"5" screen",5\nBo,"x, y",6\nCy,"z, w",7\n')
    assert text == 'name | note | sum\nAda | 5 screen" | 5\nBo | x, y | 6\nCy | z, w | 7'
