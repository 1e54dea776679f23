"""What an answer can quote of a passage, and how it shows it."""

import pytest

from app.pipeline.answering.pieces import LONGEST, list_pieces


def show(text: str, context: str = "") -> list[str]:
    pieces = list_pieces(text, context)
    for piece in pieces:
        assert text[piece.start : piece.end].strip() == text[piece.start : piece.end] != ""
    return [piece.shown for piece in pieces]


def test_sentences_are_pieces_and_questions_are_not() -> None:
    text = "The gate opens at six. Who opens it? The keeper\nof the harbour does."
    assert show(text) == ["The gate opens at six.", "The keeper of the harbour does."]
    assert show("Πότε ανοίγει;\n\nΗ πύλη ανοίγει στις έξι.") == ["Η πύλη ανοίγει στις έξι."]  # noqa: RUF001


@pytest.mark.parametrize(
    "text",
    [
        "# Opening hours\nThe gate opens at six.",
        "Opening hours\n=============\nThe gate opens at six.",
        "Home | Products | Contact\n\nThe gate opens at six.",
        "We use cookies to improve this page.\n\nThe gate opens at six.",
        "The gate opens at six.\n\n© 2024 Harbour Ltd. All rights reserved.",
        "The gate opens at six.\n\nPage 3 of 12",
        "Home › Harbour › Gates\n\nThe gate opens at six.",  # noqa: RUF001
    ],
)
def test_headings_menus_and_boilerplate_are_left_out(text: str) -> None:
    assert [shown for shown in show(text) if shown != "Opening hours"] == ["The gate opens at six."]


def test_a_heading_above_the_passage_is_left_out() -> None:
    assert show("Gates of the harbour\n\nThe gate opens at six.", "Guide > Gates of the harbour") == [
        "The gate opens at six."
    ]


def test_a_short_line_without_a_stop_is_a_title_where_more_text_follows() -> None:
    first, second = list_pieces("Opening of the gates\n\nThe gate opens at six.")
    assert (first.is_title, second.is_title) == (True, False)
    assert not list_pieces("Opening at six")[0].is_title


@pytest.mark.parametrize(
    ("text", "context", "shown"),
    [
        ("Port | Draught\nAlder Gate | 4.2 m\nBirch Gate | 3.1 m", "", "Port: Birch Gate, Draught: 3.1 m"),
        ("Birch Gate | 3.1 m", "Ports\nPort | Draught", "Port: Birch Gate, Draught: 3.1 m"),
        ("| Port | Draught |\n| --- | --- |\n| Birch Gate | 3.1 m |", "", "Port: Birch Gate, Draught: 3.1 m"),
        ("Alder | 4.2 m\nBirch | 3.1 m\nElm | 2 m", "Port | Draught", "Port: Elm, Draught: 2 m"),
        ("Birch Gate | 3.1 m | open", "Port | Draught", "Port | Draught – Birch Gate | 3.1 m | open"),  # noqa: RUF001
        ("Birch Gate |  | open", "Port | Draught | State", "Port: Birch Gate, State: open"),
        ("Birch | 7 | 8", "Port | Ships | Ships\nPort | 2023 | 2024", "Port: Birch, Ships 2023: 7, Ships 2024: 8"),
    ],
)  # fmt: skip
def test_a_row_is_shown_with_the_names_of_its_columns(text: str, context: str, shown: str) -> None:
    pieces = list_pieces(text, context)
    assert pieces[-1].shown == shown
    row = text[pieces[-1].start : pieces[-1].end]
    assert "\n" not in row
    assert row in text.split("\n")


def test_the_header_of_a_table_is_no_piece() -> None:
    assert show("Port | Draught\nAlder Gate | 4.2 m\nBirch Gate | 3.1 m") == [
        "Port: Alder Gate, Draught: 4.2 m",
        "Port: Birch Gate, Draught: 3.1 m",
    ]


def test_an_entry_of_a_list_is_shown_with_the_line_that_introduces_it() -> None:
    text = "The harbour has three gates:\n- Alder, for ships\n- Birch, for boats\n\nAll are new."
    assert show(text) == [
        "The harbour has three gates:",
        "The harbour has three gates: - Alder, for ships",
        "The harbour has three gates: - Birch, for boats",
        "All are new.",
    ]


@pytest.mark.parametrize("separator", [", ", "; ", " ", "，", "\n"])  # noqa: RUF001
def test_a_long_sentence_gives_windows_that_cover_it(separator: str) -> None:
    text = separator.join(f"clause number {number} of the sentence" for number in range(60))
    pieces = list_pieces(text)
    assert all(piece.end - piece.start <= LONGEST for piece in pieces)
    assert {character for piece in pieces for character in range(piece.start, piece.end)} >= {
        place for place, character in enumerate(text) if not character.isspace()
    }


def test_a_passage_without_spaces_is_cut_in_linear_time() -> None:
    assert len(list_pieces("x" * 20_000)) < 200
