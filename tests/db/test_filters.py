"""A search may be limited to documents by comparisons of their metadata."""

import json
from typing import Any

import pytest
from sqlalchemy.sql.visitors import iterate

from app.db.search.filters import write_condition
from app.domain.errors import InvalidRequestError
from app.domain.filters import read_filter
from tests.db.library import Library

DOCUMENTS = {
    "old": '{"year": 2019, "team": "east", "date": "2019-05-01", "tags": ["a", "b"], "final": true}',
    "new": '{"year": 2024, "team": "west", "date": "2024-05-01", "tags": ["b", "c"], "final": false}',
    "half": '{"year": 2021.5, "team": "Über", "date": "2021-03-03T10:00:00Z", "note": {"type": "memo"}}',
    "text": '{"year": "2022"}',
    "none": '{"team": null}',
    "bare": "{}",
}


def write_metadata(at: Any) -> str:
    """The metadata of a document with a time."""
    return json.dumps({"at": at})


def compare(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"type": operator, "key": key, "value": value}


CASES: list[tuple[dict[str, Any], str]] = [
    (compare("eq", "year", 2019), "old"),
    (compare("eq", "year", 2019.0), "old"),
    (compare("eq", "year", "2022"), "text"),
    ({"type": "eq", "key": "final", "value": True}, "old"),
    ({"type": "eq", "key": "final", "value": False}, "new"),
    (compare("eq", "final", 1), ""),
    (compare("eq", "tags", "b"), "old new"),
    (compare("ne", "team", "east"), "new half text none bare"),
    (compare("ne", "tags", "a"), "new half text none bare"),
    (compare("gt", "year", 2019), "new half"),
    (compare("gte", "year", 2019), "old new half"),
    (compare("lt", "year", 2021.5), "old"),
    (compare("lte", "year", 2021.5), "old half"),
    (compare("gte", "year", "2021"), "text"),
    (compare("gte", "date", "2021-03-03"), "new half"),
    (compare("lt", "date", "2021-03-03"), "old"),
    (compare("gt", "team", "z"), "half"),
    (compare("in", "team", ["east", "north"]), "old"),
    (compare("in", "tags", ["a", "c"]), "old new"),
    (compare("in", "year", [2019, "2022"]), "old text"),
    (compare("in", "team", []), ""),
    (compare("nin", "team", ["east", "west"]), "half text none bare"),
    (compare("nin", "team", []), "old new half text none bare"),
    (compare("eq", "missing", 1), ""),
    (compare("eq", "'; DROP TABLE documents; --", ":key"), ""),
    ({"type": "and", "value": [compare("gt", "year", 2000), compare("eq", "team", "west")]}, "new"),
    ({"type": "or", "value": [compare("lt", "year", 2020), {"team": "west"}]}, "old new"),
    ({"type": "or", "filters": [compare("lt", "year", 2020), {"team": "west"}]}, "old new"),
    (
        {
            "type": "and",
            "value": [
                {"type": "or", "value": [{"team": "east"}, {"team": "west"}]},
                {"type": "or", "value": [{"year": 2024}, {"year": 2021}]},
            ],
        },
        "new",
    ),
    ({"year": 2024, "team": "west"}, "new"),
    ({"note": {"type": "memo"}}, "half"),
    ({"tags": ["b"]}, "old new"),
]


TIMES = {
    "date": "2021-03-03",
    "midnight": "2021-03-03T00:00:00Z",
    "east": "2021-03-03T10:00:00+02:00",
    "utc": "2021-03-03T08:00:00Z",
    "basic": "2021-03-03T08:00:00.000+0000",
    "space": "2021-03-03 08:00",
    "west": "2021-03-02T23:30:00-05:30",
    "late": "2021-03-03T23:59:59.5",
    "next": "2021-03-04T00:30:00+01:00",
    "list": ["2020-01-01", "2022-01-01T00:00:00Z"],
    "none": "2021-02-30",
    "hour": "2021-03-03T25:00:00Z",
    "word": "spring 2021",
    "year": 2021,
}
AT_EIGHT = "east utc basic space"
TIME_CASES: list[tuple[dict[str, Any], str]] = [
    (compare("eq", "at", "2021-03-03T08:00:00Z"), AT_EIGHT),
    (compare("eq", "at", "2021-03-03T09:00+01:00"), AT_EIGHT),
    (compare("eq", "at", "2021-03-03"), "date midnight"),
    (compare("ne", "at", "2021-03-03T08:00:00Z"), "date midnight west late next list none hour word year"),
    (compare("in", "at", ["2021-03-03T08:00:00Z", "spring 2021"]), f"{AT_EIGHT} word"),
    (compare("gt", "at", "2021-03-03T08:00:00Z"), "late next list hour word"),
    (compare("gte", "at", "2021-03-03T07:59:59.999999Z"), f"{AT_EIGHT} late next list hour word"),
    (compare("lt", "at", "2021-03-03"), "list none"),
    (compare("lt", "at", "2021-03-03T05:00:00Z"), "date midnight list none"),
    (compare("lte", "at", "2021-03-03T05:00:00Z"), "date midnight west list none"),
    (
        {"type": "and", "value": [compare("gte", "at", "2021-03-03"), compare("lt", "at", "2021-03-04")]},
        f"date midnight {AT_EIGHT} west late next list hour",
    ),
    (compare("gte", "at", "2021-02-30"), "date midnight east utc basic space west late next list none hour word"),
    (compare("gte", "at", "spring"), "word"),
]


async def test_dates_and_times_compare_as_such_and_other_texts_by_their_characters(library: Library) -> None:
    agent_id = await library.add_agent()
    for name, at in TIMES.items():
        await library.add_document(agent_id, f"{name} all", metadata=write_metadata(at))
    for where, expected in TIME_CASES:
        hits = await library.find(agent_id, "all", where=where, top_k=30)
        assert {hit.text.split()[0] for hit in hits} == set(expected.split()), where


async def test_any_text_may_stand_where_a_time_is_compared(library: Library) -> None:
    agent_id = await library.add_agent()
    for at in ("0000-01-01", "2021-13-01", "2021-00-10", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59-15:59", "²"):
        await library.add_document(agent_id, "all", metadata=json.dumps({"at": at}, ensure_ascii=False))
        for operator in ("eq", "gt", "lte"):
            assert await library.find(agent_id, "all", where=compare(operator, "at", at)) is not None
            assert await library.find(agent_id, "all", where=compare(operator, "at", "2021-03-03")) is not None


@pytest.fixture
async def shelf(library: Library) -> tuple[Library, int, dict[str, int]]:
    """Documents whose only chunk is their name and the word all."""
    agent_id = await library.add_agent()
    ids = {
        name: await library.add_document(agent_id, f"{name} all", metadata=metadata)
        for name, metadata in DOCUMENTS.items()
    }
    return library, agent_id, ids


async def test_a_filter_selects_documents_by_their_metadata(shelf: tuple[Library, int, dict[str, int]]) -> None:
    library, agent_id, _ = shelf
    for where, expected in CASES:
        hits = await library.find(agent_id, "all", where=where)
        assert {hit.text.split()[0] for hit in hits} == set(expected.split()), where


async def test_a_comparison_may_be_of_the_documents_id(shelf: tuple[Library, int, dict[str, int]]) -> None:
    library, agent_id, ids = shelf
    for where, expected in (
        (compare("eq", "document_id", ids["old"]), {"old"}),
        (compare("in", "document_id", [ids["old"], ids["new"]]), {"old", "new"}),
        (compare("nin", "document_id", [ids["old"], ids["new"]]), DOCUMENTS.keys() - {"old", "new"}),
        (compare("lte", "document_id", ids["new"]), {"old", "new"}),
        ({"type": "and", "value": [{"document_id": [ids["old"], ids["new"]]}, {"year": 2024}]}, {"new"}),
    ):
        hits = await library.find(agent_id, "all", where=where)
        assert {hit.text.split()[0] for hit in hits} == expected, where


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"year": {"$gte": 2021}}, '"$gte" is not an operator here. Send {"type": "gte", "key": "year"'),
        ({"year": {"gte": 2021}}, '"gte" is not an operator here.'),
        ({"$and": [{"year": 2021}]}, '"$and" is not an operator here.'),
        ({"type": "not", "value": {"year": 2021}}, 'Unknown operator "not". Send {"type": "gte", "key": "year"'),
        ({"type": "nor", "value": [{"year": 2021}]}, 'Unknown operator "nor".'),
        ({"type": "EQ", "key": "year", "value": 2021}, 'Unknown operator "EQ".'),
        ({"type": None, "key": "year", "value": 2021}, "Unknown operator null."),
        ({"type": "and", "value": [{"type": "like", "key": "a", "value": "b"}]}, 'Unknown operator "like".'),
        (
            {"type": "invoice"},
            'To match metadata named `type`, send {"type": "eq", "key": "type", "value": "invoice"}.',
        ),
        ({"type": ["eq"], "key": "a", "value": 1}, "Unknown operator"),
        ({"type": "eq", "key": "a"}, "`eq` needs `key` and `value`"),
        ({"type": "eq", "key": 1, "value": 1}, "`eq` needs `key` and `value`"),
        ({"type": "eq", "key": "a", "value": 1, "more": 1}, "and nothing else"),
        ({"type": "eq", "key": "a", "value": None}, "`eq` needs texts, numbers or booleans in `value`"),
        ({"type": "eq", "key": "a", "value": [1]}, "`eq` needs texts, numbers or booleans"),
        ({"type": "gt", "key": "a", "value": True}, "`gt` needs a text or a number"),
        ({"type": "in", "key": "a", "value": "b"}, "`in` needs a list"),
        ({"type": "in", "key": "a", "value": [{"b": 1}]}, "`in` needs texts"),
        ({"type": "and", "value": []}, "`and` needs a list of filters"),
        ({"type": "or", "value": {"a": 1}}, "`or` needs a list of filters"),
        ({"type": "or", "value": ["a"]}, "Each filter is an object."),
        ({"type": "or", "value": [{"a": 1}], "filters": []}, "`or` needs a list of filters"),
        ({"type": "eq", "key": "document_id", "value": "seven"}, "ids of documents"),
        ({"document_id": True}, "Must be the id of a document"),
        ({"type": "or", "value": [{"a": n} for n in range(101)]}, "more than 100 conditions"),
        ({"type": "eq", "key": "a", "value": 2**70}, "64 bits"),
    ],
)
def test_a_filter_of_another_form_is_refused_with_the_right_one(where: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        read_filter(where)
    assert says in str(raised.value.detail)


def test_a_deep_filter_is_refused() -> None:
    where: dict[str, Any] = {"a": 1}
    for _ in range(2000):
        where = {"type": "and", "value": [where]}
    with pytest.raises(InvalidRequestError, match="nested"):
        read_filter(where)


@pytest.mark.parametrize("operator", ["gt", "eq", "in"])
def test_a_comparison_of_times_is_written_with_few_expressions(operator: str) -> None:
    def count(value: str) -> int:
        """The expressions of which the API writes a statement, while other requests wait."""
        given = compare(operator, "at", [value] if operator == "in" else value)
        return sum(1 for _ in iterate(write_condition(read_filter(given))))

    assert count("2021-03-03T00:00:00+14:00") <= 3 * count("east")
