"""Names and quantities are found however they are written, and signs with a meaning are words."""

import pytest

from app.pipeline.words.lexemes import lexemes
from app.pipeline.words.occurrences import Terms
from app.pipeline.words.query import read_query
from tests.growth import check_linear


def finds(query: str, document: str) -> bool:
    """Whether the document has every word of the query in some form."""
    indexed = lexemes(document).keys()
    return all(indexed & set(word.lexemes) for word in read_query(query).words)


def weigh(query: str, document: str) -> float:
    indexed, words = lexemes(document), read_query(query).words
    pairs = [zip(word.lexemes, word.list_weights(), strict=True) for word in words]
    return sum(max((weight for form, weight in forms if form in indexed), default=0) for forms in pairs)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("c sharp", "Programs in C# and F#"),
        ("f sharp", "Programs in C# and F#"),
        ("csharp", "Programs in C#"),
        ("C#", "Programs in csharp"),
        ("c plus plus", "Programs in C++17"),
        ("cpp", "Programs in C++"),
        ("C++", "Programs in cpp"),
        ("C++", "Programs in cplusplus"),
        ("dotnet", "Programs for .NET 8"),
        ("node.js", "Programs for NodeJS"),
        ("nodejs", "Programs for Node.js"),
    ],
)
def test_a_name_is_found_with_signs_or_words_for_them(query: str, document: str) -> None:
    assert finds(query, document)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("node js", "Programs for nodejs"),
        (".NET", "Programs for dotnet"),
        ("data base", "the database"),
        ("Versicherungs Karte", "Ihre Versicherungskarte"),
    ],
)
def test_two_words_find_the_one_word_that_they_make(query: str, document: str) -> None:
    assert weigh(query, document) > 0


def test_words_are_not_joined_with_function_words_or_the_parts_of_a_compound() -> None:
    forms = {form for word in read_query("Where is a gate to Rome's sea-water?").words for form in word.lexemes}
    assert forms.isdisjoint({"agate", "gateto", "torome", "romes", "romesea"})


def test_a_word_that_is_repeated_in_a_long_query_has_a_limited_number_of_forms() -> None:
    (gate,) = (word for word in read_query(" ".join(f"weir{'x' * n} gate" for n in range(99))).words if word.weight > 9)
    assert len(gate.lexemes) < 60


@pytest.mark.parametrize(("query", "word"), [("Ankara'daki nehir", "daki"), ("İstanbul'un nehri", "un")])
def test_an_ending_after_the_apostrophe_of_a_name_is_no_word(query: str, word: str) -> None:
    assert word not in read_query(query).lexemes


def test_a_word_of_endings_alone_is_searched() -> None:
    assert read_query("l'un").words


def test_a_stem_of_two_joined_words_is_never_the_first_word_alone() -> None:
    assert "heron" not in read_query("heron gate").words[1].lexemes


@pytest.mark.parametrize("query", ["$12.5k", "$12,500", "12.5k", "12500", "12.500,00 $"])
@pytest.mark.parametrize("document", ["It costs $12.5k.", "It costs $12,500.", "It costs 12500 dollars.", "12 500 $"])
def test_a_number_with_k_is_the_full_number(query: str, document: str) -> None:
    assert finds(query, document)


@pytest.mark.parametrize("query", ["€2bn", "2 billion euros", "2,000,000,000 €", "2 bn €", "2 Mrd. Euro"])
@pytest.mark.parametrize("document", ["It cost €2bn.", "It cost 2 billion euros.", "It cost €2,000,000,000."])
def test_a_number_with_the_word_of_a_power_of_ten_is_the_full_number(query: str, document: str) -> None:
    form = next(word.lexemes for word in read_query(query).words if "2000000000" in word.lexemes)
    assert set(form) & lexemes(document).keys()


def test_a_length_in_metres_is_no_million() -> None:
    assert "5000000" not in lexemes("The cable has 5 m.")


@pytest.mark.parametrize("sign", "☐☑☒✓✗§°‰")
def test_a_sign_with_a_meaning_is_a_word(sign: str) -> None:
    assert sign in lexemes(f"Check {sign} here")
    assert sign in read_query(f"Check {sign}").lexemes


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("§ 12", "according to §12"),
        ("section 12", "according to § 12"),
        ("20 degrees", "at 20 °C"),
        ("№ 5", "House No. 5"),
        ("No. 5", "House № 5"),
        ("no5", "House №5"),
        ("acme", "ACME™ is a brand"),
        ("Acme™", "Acme is a brand"),
    ],
)
def test_a_sign_and_its_word_find_each_other(query: str, document: str) -> None:
    assert finds(query, document)


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("Wo ist die Karte?", "Die Versicherungskarte ist nicht in der Tasche, und das ist gut."),
        ("Karte", "Die Gesundheitskarten sind nicht in der Tasche, und das ist gut."),
        ("Waar is de kaart?", "De verzekeringskaart is niet in de tas, en dat is goed."),
        ("Var är kortet?", "Det är inte i väskan, och försäkringskortet är på en stol."),
    ],
)
def test_a_word_finds_compounds_that_end_with_it_with_less_weight(query: str, document: str) -> None:
    assert 0 < weigh(query, document) < 1
    assert [document[found.start : found.end].lower()[-2:] for found in Terms(query).find(document)]


def test_english_words_have_no_ends() -> None:
    assert not any(lexeme.startswith("~") for lexeme in lexemes("The passionsfruit and the buildingsmanager are here."))


@pytest.mark.parametrize("unit", ["ungs", "Versicherungskarte ", "☐", "1k ", "c sharp ", "dot"])
def test_the_time_grows_with_the_length_of_the_text(unit: str) -> None:
    check_linear(lambda size: lexemes("der die das und ist nicht " + unit * size), 20_000)
    check_linear(lambda size: read_query("der die das und ist nicht " + unit * size), 500)
