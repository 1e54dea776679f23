"""A query for what lacks something is contradicted by texts that have it."""

import pytest

from app.pipeline.words.negation import Absence
from tests.growth import check_linear


@pytest.mark.parametrize(
    ("query", "lacks", "has"),
    [
        ("bread without eggs", "This bread contains no eggs.", "The bread contains eggs and milk."),
        ("bread with no eggs", "The bread is made without any eggs.", "Two eggs go into the bread."),
        ("egg-free bread", "An egg-free bread.", "A bread of one egg."),
        ("bread free of eggs", "This bread does not contain eggs.", "Bread, free of milk, with eggs."),
        ("Brot ohne Eier", "Das Brot enthält keine Eier.", "Das Brot enthält Eier und Milch."),
        ("pain sans œufs", "Ce pain ne contient pas d'œufs.", "Le pain est fait avec des œufs."),
        ("pan sin huevos", "El pan no lleva huevos.", "El pan lleva dos huevos."),
        ("pane senza uova", "Il pane non ha latte ed è senza uova.", "Il pane ha le uova."),
        ("pão sem ovos", "O pão é feito sem ovos.", "O pão é feito com ovos."),
        ("brood zonder eieren", "Het brood is zonder eieren gebakken.", "Het brood is met eieren gebakken."),
        ("хлеб без яиц", "Этот хлеб без яиц и молока.", "В этом хлебе есть два яиц."),  # noqa: RUF001
    ],
)
def test_a_text_that_has_what_shall_be_absent_contradicts(query: str, lacks: str, has: str) -> None:
    absence = Absence(query)
    assert absence
    assert not absence.is_contradicted(lacks)
    assert not absence.is_contradicted("The parcel weighs four kilos.")
    assert absence.is_contradicted(has)


@pytest.mark.parametrize(
    "query",
    [
        "which loaf without rye is the best rye",
        "articles without 1990",
        "I look for recipes of the old bakers of the valley, with or without eggs, for my class",
        "hotels that offer free parking",
        "free bread",
        "bread",
        "why does the gate not open",
        "¿Qué país no entró en la guerra?",
        "the sin of pride",
        "without",
        "",
        "no",
    ],
)
def test_other_queries_ask_for_no_absence(query: str) -> None:
    assert not Absence(query)


def test_a_text_that_says_both_does_not_contradict() -> None:
    assert not Absence("bread without eggs").is_contradicted("Eggs are dear. So we bake bread without eggs.")


def test_long_texts_take_linear_time() -> None:
    absence = Absence("bread without eggs")
    check_linear(lambda size: absence.is_contradicted("no no free of " * size), 5_000)
