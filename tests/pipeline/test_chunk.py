# ruff: noqa: RUF001 (punctuation of other scripts)

from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.documents import PAGE_BREAK, Chunk, Page
from app.pipeline.chunking.chunk import split
from tests.growth import check_linear

texts = st.one_of(
    st.text(alphabet=st.sampled_from("ab Z.!?\n\t,。、中文ー「」กา\u0301\u200d👩🏽"), max_size=300),
    st.text(max_size=300),
    st.lists(st.sampled_from(["Dr. ", "word ", "end. ", "x" * 40, "\n\n", "第一句。", "e.g. ", "  "]), max_size=60).map(
        "".join
    ),
)
pages = st.lists(texts, max_size=4).map(lambda parts: [Page(n, part) for n, part in enumerate(parts, 1)])


def cut(text: str, size: int = 1000, overlap: int = 200) -> list[Chunk]:
    return list(split([Page(None, text)], size, overlap))


@given(pages, st.integers(1, 60), st.data())
@settings(max_examples=600, deadline=None)
def test_every_character_is_covered_in_exact_place_and_no_chunk_lies_within_another(
    given_pages: list[Page], size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    document = PAGE_BREAK.join(page.text for page in given_pages)
    chunks = list(split(given_pages, size, overlap))

    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    covered = set[int]()
    for chunk in chunks:
        assert chunk.text == document[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""
        assert len(chunk.text) <= size
        assert chunk.text in given_pages[(chunk.page or 0) - 1].text
        covered.update(range(chunk.start, chunk.end))
    assert all(position in covered for position, character in enumerate(document) if not character.isspace())
    for former, chunk in pairwise(chunks):
        assert chunk.start > former.start
        assert chunk.end > former.end
        assert former.end - chunk.start <= (overlap and overlap + 32)  # a few more, so that no character is split


def test_a_chunk_does_not_end_where_the_one_before_it_does() -> None:
    chunks = cut("?ก??????ก ?", size=9, overlap=8)
    assert [(chunk.start, chunk.end) for chunk in chunks] == [(0, 9), (10, 11)]


@given(
    st.lists(st.text("abcdefgé'-", min_size=1, max_size=20), min_size=1, max_size=80), st.integers(20, 80), st.data()
)
@settings(max_examples=200, deadline=None)
def test_words_are_never_cut(words: list[str], size: int, data: st.DataObject) -> None:
    text = " ".join(words)
    for chunk in cut(text, size, data.draw(st.integers(0, size - 1))):
        assert chunk.start == 0 or text[chunk.start - 1] == " "
        assert chunk.end == len(text) or text[chunk.end] == " "


def test_a_chunk_prefers_the_end_of_a_paragraph_to_that_of_a_sentence() -> None:
    text = "First is here. Second is here.\n\nThird here. Fourth is longer than what is left of it."
    assert cut(text, 50, 0)[0].text == "First is here. Second is here."


def test_a_chunk_ends_at_a_sentence_and_the_next_one_begins_with_one() -> None:
    text = "Alpha is one. Beta is two. Gamma is three. Delta is four. Epsilon is five. Zeta is six."
    first, second, *_ = cut(text, 45, 20)
    assert first.text.endswith("three.")
    assert second.text.startswith("Gamma")


@pytest.mark.parametrize(
    "text", ["We met Dr. Strangelove at J. R. Oppenheimer's", "Das ist z.B. Wasser und viel Salz darin"]
)
def test_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert not cut(text, len(text) - 1, 0)[0].text.endswith(".")


def test_chinese_is_cut_after_its_full_stops() -> None:
    chunks = cut("这是第一句话，内容不多。这是第二句话，也不长。这是第三句话，到此为止。" * 5, 30, 8)
    assert all(chunk.text.endswith("。") for chunk in chunks)
    assert all(len(chunk.text) <= 30 for chunk in chunks)


def test_chinese_without_full_stops_is_cut_between_characters_but_not_before_a_comma() -> None:
    chunks = cut("汉字，汉字" * 40, 21, 5)
    assert not any(chunk.text.startswith("，") for chunk in chunks)


@pytest.mark.parametrize("end", ["。", "！", "？", "။", "។"])
def test_scripts_without_spaces_are_cut_after_the_ends_of_sentences(end: str) -> None:
    letters = {"။": "မြန်မာစာ", "។": "ភាសាខ្មែរ"}.get(end, "汉字文本")
    chunks = cut((letters * 3 + end) * 20, 60, 10)
    assert all(chunk.text.endswith(end) for chunk in chunks)


def test_chinese_without_full_stops_is_cut_at_its_semicolons_and_commas() -> None:
    chunks = cut("第一句话内容不多；第二句话也不长，" * 12, 40, 8)
    assert all(chunk.text[-1] in "；，" for chunk in chunks)


@pytest.mark.parametrize("phrase", ["ภาษาไทยไม่มีช่องว่าง", "ພາສາລາວ", "ភាសាខ្មែរ", "မြန်မာစကား"])
def test_phrases_of_scripts_without_spaces_between_words_stay_whole(phrase: str) -> None:
    for chunk in cut(" ".join([phrase] * 60), 100, 30):
        assert set(chunk.text.split()) == {phrase}


@pytest.mark.parametrize(
    "letters", ["ที่ นี่ น้ำ ใจ", "ខ្មែ រ ស្រី", "မြ န် မာ့ ကျွ န်", "ພາ ສາ ທີ່ ນ້ຳ", "🇩🇪 🇫🇷", "क्ष त्रि य", "👩🏽\u200d👧🏽 e\u0301"]
)
def test_no_letter_is_cut_from_its_marks(letters: str) -> None:
    whole = letters.split() * 40
    ends = {0, *accumulate(map(len, whole))}
    for chunk in cut("".join(whole), 50, 10):
        assert {chunk.start, chunk.end} <= ends


def test_latin_words_within_chinese_stay_whole() -> None:
    text = "我用iPhone手机看新闻" * 20
    for chunk in cut(text, 24, 6):
        assert not text[chunk.start - 1 : chunk.start + 1].isascii() or chunk.start == 0
        assert not (text[chunk.end - 1 : chunk.end + 1].isascii() and chunk.end < len(text))


def test_a_cut_through_an_unbroken_run_splits_no_joined_emoji() -> None:
    family = "👩🏽\u200d👩🏽\u200d👧🏽"
    for chunk in cut("a" + family * 30, 20, 4):
        assert chunk.text[0] in "a👩"
        assert chunk.text[-1] == "🏽"


def test_the_end_of_a_page_leaves_no_scrap() -> None:
    text = "Ten chars. " * 100
    assert min(len(chunk.text) for chunk in cut(text[:1080], 1000, 200)) > 400


def test_a_chunk_never_crosses_a_page() -> None:
    chunks = list(split([Page(1, "one"), Page(2, " \n"), Page(3, "three")]))
    assert [(chunk.page, chunk.text) for chunk in chunks] == [(1, "one"), (3, "three")]


@pytest.mark.parametrize(("size", "overlap"), [(10, 10), (0, 0), (10, -1)])
def test_an_overlap_as_long_as_the_chunk_is_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        split([], size, overlap)


@pytest.mark.parametrize("unit", ["x", "。", "a\u0301", "\n", "-", "汉", "(", "ก็", ". ", "ខ្", "🇩🇪", "、"])
def test_one_unbroken_run_is_cut_in_linear_time(unit: str) -> None:
    check_linear(lambda size: list(split([Page(None, unit * (size // len(unit)))])), 150_000)


@pytest.mark.corpus
def test_a_novel_is_cut_at_sentence_ends(corpus: Path) -> None:
    chunks = cut((corpus / "good" / "book-war-and-peace-1225p.txt").read_text("utf-8"))
    assert sum(chunk.text.rstrip("\"'”’)").endswith((".", "!", "?")) for chunk in chunks) > 0.93 * len(chunks)
