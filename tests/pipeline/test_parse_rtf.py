from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.domain.media import RTF
from app.pipeline.parse import parse
from tests.deadlines import within


def read(folder: Path, body: str | bytes, head: str = r"\ansi\ansicpg1252") -> str:
    path = folder / "a"
    data = body.encode("latin-1") if isinstance(body, str) else body
    path.write_bytes(b"{\\rtf1" + head.encode() + b" " + data + b"}")
    return parse(path, RTF).pages[0].text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"one\par two\line three", "one\n\ntwo\nthree"),
        ("wra\r\npped", "wrapped"),
        (r"\{a\\b\}\~c\_d\tab e", "{a\\b} c-d\te"),
        (r"Gr\'f6\'dfe \ldblquote x\rdblquote\emdash", "Größe \u201cx\u201d\u2014"),
        (r"\u8364?\u-10179?\u-8960?\uc2\u233xxe{\uc0\u233}e", "€\U0001f500éeée"),
        (r"\u233\'e9 and {\b bold}{\v hidden}{\v\v0 shown}", "é and boldshown"),
        (r"{\*\unknown secret}{\pict 89504e47}{\fonttbl{\f0 Arial;}}{\*\shpinst{\sp{\sv 1}}{\shptxt boxed}}", "boxed"),
        (r'{\field{\*\fldinst HYPERLINK "x"}{\fldrslt shown}}', "shown"),
        (r"{\stylesheet{\s1 heading;}}{\header Head\par}Body", "Head\n\nBody"),
        (r"\bin5 }{}{}after", "after"),
    ],
)
def test_words_and_signs_become_text(tmp_path: Path, body: str, text: str) -> None:
    assert read(tmp_path, body) == text


def test_tables_are_lines(tmp_path: Path) -> None:
    body = r"\pard\intbl a\cell b\par c\cell\row\intbl \cell d\cell\row\pard after"
    assert read(tmp_path, body) == "a | b c\n | d\n\nafter"


def test_each_font_and_code_page_has_its_letters(tmp_path: Path) -> None:
    fonts = r"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}{\f2\fcharset128 Mincho;}}"
    assert read(tmp_path, fonts + r"\f1\'c4\'e0{\f0 \'e9}\f2\'83A\'93\'fa") == "Даéア日"
    assert read(tmp_path, r"\'c4\'e0", r"\ansi\ansicpg1251") == "Да"
    assert read(tmp_path, "Да".encode(), r"\ansi\ansicpg65001") == "Да"
    assert read(tmp_path, r"\'8e", r"\mac") == "é"
    assert read(tmp_path, r"x\'e9", r"\ansi\ansicpg99999") == "xé"


def test_a_document_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(rb"{\rtf1{\info{\title Ca\'f1al}{\author Ada}{\company unread}{\creatim\yr2026}}text}")
    parsed = parse(path, RTF)
    assert (parsed.metadata, parsed.pages[0].text) == ({"title": "Cañal", "author": "Ada"}, "text")


def test_what_is_no_rtf_or_is_cut_off_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a"
    whole = rb"{\rtf1{\info{\title x}}{\b one} two\par three}"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DocumentDamagedError):
            parse(path, RTF)


def test_groups_deep_in_one_another_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParseLimitExceededError):
        read(tmp_path, "{" * 100_000 + "x" + "}" * 100_000)


def test_hostile_files_take_no_longer_than_files_of_their_length(tmp_path: Path) -> None:
    with within(15):
        for body in (
            r"{}" * 300_000,
            r"\u233?" * 100_000,
            "\\" * 400_000 + "x",
            r"\bin1 }x" * 50_000,
            r"\'e9" * 200_000,
        ):
            read(tmp_path, "x" + body)
