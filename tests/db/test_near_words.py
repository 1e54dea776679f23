"""A word of a query that the agent's chunks lack finds the word that it is probably meant to be."""

import pytest
from sqlalchemy import text

from app.db.search.near_words import Sought, find_near_words
from tests.db.library import Library
from tests.db.segments import segment

TEXTS = [
    "The accommodation has a view of the harbour.",
    "Separate the herring from the receipt of the restaurant.",
    "The government committee meets in the parliament.",
    "The lieutenant received the message on Wednesday.",
    "An entrepreneur buys maintenance for the elevator.",
    "Die Schleuse am Kanal ist für Schiffe geöffnet.",
    "Le rendez-vous est à la bibliothèque municipale.",
    "Книга лежит на столе в библиотеке и не только.",
    "The vacuum cleaner and the rhythm of the pump.",
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("accomodation", 0),
        ("acommodation", 0),
        ("herrign", 1),
        ("reciept", 1),
        ("resturant", 1),
        ("goverment", 2),
        ("comittee", 2),
        ("parliment", 2),
        ("leiutenant", 3),
        ("Wedensday", 3),
        ("entreprenuer", 4),
        ("maintainance", 4),
        ("Schluese", 5),
        ("bibliotheque municpale", 6),
        ("библитека", 7),
        ("vaccum", 8),
        ("rythm", 8),
        ("rhytm", 8),
        ("herrring", 1),
        ("what is a herrring", 1),
        ("recieve", 3),
        ("recieving", 3),
        ("restaurnat", 1),
        ("restaraunts", 1),
        ("accomodations", 0),
        ("acommodations", 0),
        ("maintenences", 4),
        ("rythmic", 8),
    ],
)
async def test_a_misspelled_word_finds_the_text_first(library: Library, typed: str, found: int) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, *TEXTS)
    hits = await library.find(agent_id, typed, mode="text")
    assert hits[0].text == TEXTS[found]


@pytest.mark.parametrize("typed", ["E1046", "1999", "hat", "ISO-9002", "水問", "locksmith", "catalogue"])
async def test_codes_numbers_short_and_other_words_are_not_corrected(library: Library, typed: str) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "error E1045 of 1998", "the cat", "ISO-9001", "水門", "the locks are open")
    before = await library.find(agent_id, typed, mode="text")
    assert all("1045" not in hit.text and "cat" not in hit.text and "locks" not in hit.text for hit in before)


async def test_of_equally_near_words_the_one_near_to_the_whole_word_is_found(library: Library) -> None:
    """A stemmer makes *herrringi* of it, which is longer than the word, and another *herr*, which resembles *her*."""
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "Her list of names", "Smoked herring is sold here")
    hits = await library.find(agent_id, "herrring", mode="text")
    assert [hit.text for hit in hits] == ["Smoked herring is sold here"]


async def test_a_long_word_finds_compounds_that_begin_with_it_after_the_word_itself(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "Das Schleusenwärterhaus", "Die Schleusenwärter ruhen", "Der Schleier")
    hits = await library.find(agent_id, "Schleusenwärter", mode="text")
    assert [hit.text for hit in hits] == ["Die Schleusenwärter ruhen", "Das Schleusenwärterhaus"]


async def test_a_known_word_brings_no_near_ones(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the better is here", "the batter is here")
    assert [hit.text for hit in await library.find(agent_id, "better", mode="text")] == ["the better is here"]


async def test_words_of_other_agents_and_of_removed_texts_are_not_proposed(library: Library) -> None:
    agent_id, other_id = await library.add_agent(), await library.add_agent()
    await library.add_document(other_id, "accommodation")
    async with library.engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO lexemes (agent_id, lexeme, chunk_count) VALUES (:agent_id, 'accommod', 0)"),
            {"agent_id": agent_id},
        )
    assert await find_near_words(library.database, agent_id, [Sought(("accomod",), "accomod", 1)]) == []
    assert len(await find_near_words(library.database, other_id, [Sought(("accomod",), "accomod", 1)])) == 1


async def test_words_with_the_same_beginning_are_found_in_segments_as_without(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "Das Schleusenwärterhaus", "Die Schleusenwärter ruhen", "Der Schleier")
    before = await library.find(agent_id, "Schleusenwärter", mode="text")
    await segment(library)
    await library.add_document(agent_id, "Am Schleusenwärterhausdach")
    after = await library.find(agent_id, "Schleusenwärter", mode="text")
    assert [hit.text for hit in before] == ["Die Schleusenwärter ruhen", "Das Schleusenwärterhaus"]
    assert [hit.text for hit in after][:2] == [hit.text for hit in before]
    assert {hit.text for hit in after[2:]} == {"Am Schleusenwärterhausdach"}
