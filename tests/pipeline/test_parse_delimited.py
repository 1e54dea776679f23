from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError
from app.domain.media import CSV, TSV
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
        (b"only\none\n\ncolumn\n", "only\none\ncolumn"),
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
