"""The fields of a customer profile follow from its facts: the most reliable source counts, all are kept."""

from app.domain.profiles import Fact, SourceKind, forget_documents, list_facts, make_given, merge

META = Fact(
    "name", "Weir Works - Pumps", SourceKind.META, url="https://weir.example/", fetched_at="2026-11-30T09:00:00Z"
)
JSON_LD = Fact("name", "Weir Works", SourceKind.JSON_LD, url="https://weir.example/", fetched_at="2026-11-30T09:00:01Z")
TEXT = Fact("emails", "a@weir.example", SourceKind.TEXT, document_id=3, start=1, end=2)
OTHER = Fact("emails", "b@weir.example", SourceKind.JSON_LD, url="https://weir.example/")


def test_the_most_reliable_source_decides_and_the_others_are_kept() -> None:
    name = merge([META, JSON_LD])["name"]
    assert (name["value"], name["fetched_at"]) == ("Weir Works", "2026-11-30T09:00:01Z")
    assert [source["kind"] for source in name["sources"]] == ["json-ld", "meta"]
    assert name["sources"][1]["value"] == "Weir Works - Pumps"


def test_a_list_has_the_values_of_all_sources_unless_a_person_gave_some() -> None:
    assert merge([TEXT, OTHER])["emails"]["value"] == ["b@weir.example", "a@weir.example"]
    given = make_given({"emails": ["me@weir.example"]}, SourceKind.USER, "2026-11-30T09:00:00Z")
    emails = merge([TEXT, OTHER, *given])["emails"]
    assert emails["value"] == ["me@weir.example"]
    assert len(emails["sources"]) == 3


def test_what_a_user_gave_comes_before_what_was_imported() -> None:
    imported, given = (make_given({"name": kind.value}, kind, "") for kind in (SourceKind.IMPORT, SourceKind.USER))
    assert merge([*imported, *given])["name"]["value"] == "user"


def test_the_first_account_of_a_network_counts() -> None:
    accounts = [
        Fact("socials", f"https://x.com/{name}", kind, key="x")
        for name, kind in (("second", SourceKind.TEXT), ("third", SourceKind.TEXT), ("first", SourceKind.JSON_LD))
    ]
    assert merge(accounts)["socials"]["value"] == {"x": "https://x.com/first"}


def test_the_facts_of_fields_are_those_that_made_them() -> None:
    facts = [JSON_LD, META, OTHER, TEXT]
    assert list_facts(merge(facts)) == facts
    assert merge(list_facts(merge(facts))) == merge(facts)


def test_the_same_value_of_the_same_kind_is_one_source() -> None:
    assert len(merge([JSON_LD, JSON_LD])["name"]["sources"]) == 1


def test_nothing_is_left_of_a_document() -> None:
    quote = {"quote": "Weir", "document_id": 3}
    sentences = [{"text": "A", "quotes": [quote]}, {"text": "B", "quotes": [{"quote": "Weir", "url": "u"}]}]
    fields, summary = forget_documents(merge([TEXT, OTHER, JSON_LD]), {"sentences": sentences, "model": "m"}, [3, 4])
    assert fields == merge([OTHER, JSON_LD])
    assert summary == {"sentences": sentences[1:], "model": "m"}
    assert forget_documents({}, {"sentences": sentences[:1], "model": "m"}, {3}) == ({}, None)
