"""Markdown: what is seen of it, its title and its front matter; and files written into texts of any kind."""

import base64
import hashlib
from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.media import CSV, MARKDOWN, SOURCE, TEXT
from app.pipeline.parse import parse
from tests.pipeline.test_parse_cost import check_linear

_PICTURE = base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(90))).decode()


def read(folder: Path, text: str, media_type: str = MARKDOWN) -> Parsed:
    path = folder / "a"
    path.write_text(text, "utf-8", newline="")
    return parse(path, media_type)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("```sh\n# install\n```\n# Winch guide", "Winch guide"),
        ("~~~\n# install\n~~~\n\nWinch guide\n===", "Winch guide"),
        ("````\n```\n# no\n```\n````\n\n# Winch guide #", "Winch guide"),
        ("    # code\n\n## Parts\n\n# Winch guide", "Winch guide"),
        ("text\n\n## Parts\n\n## More", "Parts"),
        ("# The **Winch** `guide` [v2](https://x.example.org)", "The Winch guide v2"),
        ("<h1 align='center'>Winch <b>guide</b></h1>\n\n## Parts", "Winch guide"),
        ("#hashtag\n\ntext", None),
        ("---\ntitle: From front\n---\n# Other", "From front"),
    ],
)
def test_the_title_is_the_first_heading_outside_of_code(tmp_path: Path, text: str, title: str | None) -> None:
    assert read(tmp_path, text).metadata.get("title") == title


@pytest.mark.parametrize(
    ("front", "metadata"),
    [
        ("---\ntitle: 'It''s'\nyear: 2024\ndraft: true\n---\n", {"title": "It's", "year": 2024, "draft": True}),
        ('---\ntags: [a, "b c"]\nAuthors:\n  - Ida\n  - Eva\n---\n', {"tags": ["a", "b c"], "author": "Ida, Eva"}),
        ("---\r\nlang: de # x\r\nsummary: >\r\n  a\r\n  b\r\n...\r\n", {"language": "de", "summary": "a b"}),
        ('+++\ntitle = "T"\ndate = 2024-05-01\nweight = 3\n+++\n', {"title": "T", "date": "2024-05-01", "weight": 3}),
        ("---\npage_count: 7\ntitle: T\n---\n", {"title": "T"}),
    ],
)  # fmt: skip
def test_front_matter_is_metadata_and_no_text(tmp_path: Path, front: str, metadata: dict[str, object]) -> None:
    parsed = read(tmp_path, f"{front}\nBody text.")
    assert parsed.metadata == metadata
    assert parsed.pages[0].text == "Body text."


@pytest.mark.parametrize(
    "text",
    [
        "---\nA rule above, and no field.\n\n---\nText",
        "---\ntitle: T\nmenu:\n  main: {weight: 1}\n  - x: y\n---\nText",
        "+++\n[menu]\nweight = 1\n+++\nText",
        "+++\nnot toml\n+++\nText",
        f"---\nsummary: {'word ' * 300}end\n---\nText",
        '---\ntags: ["a\\u0000b", "\\ud800"]\n---\nText',
        "+++\nlimit = inf\n+++\nText",
        f"+++\nlimit = 0x{'f' * 8000}\n+++\nText",
        f"+++\n{'a.' * 20_000}b = 1\n+++\nText",
    ],
)
def test_front_matter_that_is_no_list_of_fields_stays_in_the_text(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).pages[0].text == text


def test_comments_go_and_html_tables_are_rows_except_in_code(tmp_path: Path) -> None:
    table = "<table>\n<tr><th>Dock<th>Tons</tr>\n<tr><td>West<td>4</tr>\n</table>"
    code = f"```html\n{table}\n<!-- kept -->\n```"
    text = read(tmp_path, f"# Docks\n<!-- hidden\nnote -->\n{table}\n\n{code}\n\n<!-- open").pages[0].text
    assert text == f"# Docks\n\nDock | Tons\nWest | 4\n\n{code}\n\n<!-- open"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"![chart](data:image/png;base64,{_PICTURE}) end", "![chart] end"),
        (f'![chart](<data:image/png;base64,{_PICTURE}> "T") end', "![chart] end"),
        (f"![chart][p]\n\n[p]: data:image/png;base64,{_PICTURE}\nend", "![chart][p]\n\nend"),
        (f"<img alt='chart' src='data:image/jpeg;base64,{_PICTURE}'> end", "<img alt='chart' src=''> end"),
        (f"![c](data:image/svg+xml;charset=utf8,{'%3Csvg' * 40}) end", "![c] end"),
        (f"key\n{_PICTURE}\nend", "key\n\nend"),
    ],
)
@pytest.mark.parametrize("media_type", [MARKDOWN, TEXT, SOURCE])
def test_files_written_into_a_text_are_left_out(tmp_path: Path, text: str, left: str, media_type: str) -> None:
    assert read(tmp_path, text, media_type).pages[0].text == left


@pytest.mark.parametrize(
    "text",
    [
        "<!-- ",
        "<table>\n",
        "](data:a/b;base64,",
        "[a]: data:\n",
        ("A" * 70 + "\n") * 19 + "\n",
        "[" * 50,
        "```\n<!-- -->\n",
    ],
    ids=["comments", "tables", "addresses", "references", "short blocks", "brackets", "fences"],
)
def test_open_ends_take_linear_time(tmp_path: Path, text: str) -> None:
    def write(number: int) -> Path:
        (tmp_path / "a.md").write_text("text\n\n" + text * number)
        return tmp_path / "a.md"

    check_linear(write, MARKDOWN, 200_000 // len(text))


def test_wrapped_base64_is_left_out_and_other_long_runs_stay(tmp_path: Path) -> None:
    lines = "\n".join(_PICTURE[start : start + 76] for start in range(0, len(_PICTURE), 76))
    assert read(tmp_path, f"before\n{lines}\nafter", TEXT).pages[0].text == "before\n\nafter"
    for run in ("ACGT" * 400, "-" * 2000, "ssh-rsa " + _PICTURE[:372], "data:image/png;base64,short"):
        assert read(tmp_path, run, TEXT).pages[0].text == run
    assert read(tmp_path, "a,b\n1,2\n3,4", CSV).pages[0].text


@pytest.mark.parametrize(
    "text",
    [
        "A comment begins with `<!--` and ends with `-->` in HTML.",
        "``code with ` and <!-- `` and more -->",
        "```\n<!-- kept -->\n```",
    ],
)
def test_signs_of_comments_in_code_are_text(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).pages[0].text == text


def test_a_comment_around_code_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, "Start <!-- `not` shown --> end.").pages[0].text == "Start  end."


def test_quoted_items_of_a_list_keep_their_commas(tmp_path: Path) -> None:
    parsed = read(tmp_path, '---\ntags: ["Berlin, Germany", "b"]\n---\ntext')
    assert parsed.metadata["tags"] == ["Berlin, Germany", "b"]
