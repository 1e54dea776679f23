from pathlib import Path

import pytest

from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.pdf.hyphens import join_words
from tests.growth import check_linear


def join(text: str) -> str:
    return join_words([text])[0]


@pytest.mark.parametrize("mark", ["\x02", "\ufffe", "\xad\n", "-\r\n", "- \n", "\u2010\n"])
def test_a_word_that_stands_elsewhere_in_one_piece_is_joined(mark: str) -> None:
    assert join(f"The harbour. The har{mark}bour master.") == "The harbour. The harbour master."


def test_a_word_of_syllables_is_joined_though_it_stands_nowhere_else() -> None:
    assert join("the impor\x02tant ledger") == "the important ledger"


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("an ever-changing tide, ever\x02changing", "ever-changing"),  # the document has it within a line
        ("Schwarz\x02Weiß gedruckt", "Schwarz-Weiß"),  # a capital follows
        ("the x\x02axis", "x-axis"),  # a single letter is not a syllable
        ("of high rank, in dimensional terms: high\x02dimensional", "high-dimensional"),  # two words of the document
        ("a market\x02based approach", "market-based"),  # the end of a compound
        ("the state of the art, a state-of-\nthe-art lock", "state-of-the-art"),
        ("Vor\x02und Nachteile", "Vor- und"),  # a suspended hyphen
        ("pages 59-\n61", "59-\n61"),
    ],
)
def test_a_compound_keeps_its_hyphen(text: str, joined: str) -> None:
    assert joined in join(text)


def test_a_document_that_splits_no_words_has_compounds_alone() -> None:
    known = "A king-consort and an ever-changing tide. A king\x02consort, ever\x02changing, forest\x02dwelling"
    assert "forest-dwelling" in join(known)


def test_pages_vouch_for_each_other() -> None:
    assert join_words(["the re\x02triever", "a retriever"]) == ["the retriever", "a retriever"]


@pytest.mark.parametrize("unit", ["x", "\x02", "a-\n", "x\x02", "-", " \n"])
def test_any_text_takes_linear_time(unit: str) -> None:
    check_linear(lambda size: join_words([unit * (size // len(unit))]), 40_000)


@pytest.mark.corpus
def test_a_long_document_keeps_its_compounds(corpus: Path) -> None:
    text = "\n".join(page.text for page in parse(corpus / "good" / "DA-619p.pdf", PDF).pages)
    assert "everchanging" not in text
    assert "Wardencommander" not in text.replace("C", "c")
