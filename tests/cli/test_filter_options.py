"""Commands that search take a filter: JSON, or ``key=value``."""

from typing import Any

import pytest
import typer

from app.cli.remote.filters import read_filters
from tests.cli.test_commands import run, run_json
from tests.running import Stack

EAST = {"type": "eq", "key": "team", "value": "east"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (None, None),
        ([], None),
        (['{"year": 2026}'], {"year": 2026}),
        ([' {"type": "gte", "key": "year", "value": 2021}'], {"type": "gte", "key": "year", "value": 2021}),
        (["year=2026"], {"type": "eq", "key": "year", "value": 2026}),
        (["team=east"], {"type": "eq", "key": "team", "value": "east"}),
        (['year="2026"'], {"type": "eq", "key": "year", "value": "2026"}),
        (["draft=false"], {"type": "eq", "key": "draft", "value": False}),
        (["formula=a=b"], {"type": "eq", "key": "formula", "value": "a=b"}),
        (["name="], {"type": "eq", "key": "name", "value": ""}),
        (["name=NaN"], {"type": "eq", "key": "name", "value": "NaN"}),
        (["document_id=[1, 2]"], {"document_id": [1, 2]}),
        (["type=invoice"], {"type": "eq", "key": "type", "value": "invoice"}),
        (["tag=null"], {"tag": None}),
        (["team=east", '{"year": 2026}'], {"type": "and", "value": [EAST, {"year": 2026}]}),
    ],
)  # fmt: skip
def test_a_filter_is_an_object_or_a_key_with_its_value_and_all_must_match(given: list[str] | None, read: Any) -> None:
    assert read_filters(given) == read


@pytest.mark.parametrize("wrong", ["year", "=2026", " =1", "", '{"year": }', '{"year": 1', "[1]", '"year"'])
def test_a_filter_of_another_form_is_refused_with_both_forms(wrong: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"must be a JSON object.*or key=value"):
        read_filters([wrong])


@pytest.fixture(scope="module")
def agent(shared_stack: Stack) -> str:
    """An agent with a document of each of two years."""
    agent = shared_stack.make_agent()
    uploads = []
    for year in (2025, 2026):
        text = f"The ferry of Coldharbour leaves at {year - 2016} o'clock."
        form = {"metadata": f'{{"year": {year}, "type": "timetable", "tags": ["ferry", "y{year}"]}}'}
        uploads.append(shared_stack.upload(agent, f"{year}.txt", text.encode(), **form)["task_id"])
    shared_stack.finish(uploads)
    return str(agent)


def test_searches_answers_and_evaluations_read_only_the_documents_of_the_filter(
    shared_stack: Stack, agent: str, tmp_path: Any
) -> None:
    question = "When does the ferry of Coldharbour leave?"
    found = run_json(shared_stack, "search", question, "--agent", agent, "--filter", "year=2025")
    assert [hit["filename"] for hit in found["results"]] == ["2025.txt"]
    wide = run_json(shared_stack, "search", question, "--agent", agent)
    assert len(wide["results"]) == 2
    later = '{"type": "gt", "key": "year", "value": 2025}'
    answer = run_json(shared_stack, "ask", question, "--agent", agent, "--filter", later)
    assert {reference["filename"] for reference in answer["references"]} == {"2026.txt"}
    (tmp_path / "questions.jsonl").write_text(f'{{"question": "{question}", "documents": ["2026.txt"]}}')
    given = ("eval", "--agent", agent, "--set", str(tmp_path / "questions.jsonl"), "--filter")
    reports = [run_json(shared_stack, *given, f"year={year}") for year in (2025, 2026)]
    assert [report["filter"] for report in reports] == [
        {"type": "eq", "key": "year", "value": year} for year in (2025, 2026)
    ]
    assert [report["summary"]["modes"]["hybrid"]["ndcg"] for report in reports] == [0, 1]


def test_a_key_may_be_named_as_a_field_of_filters_and_a_list_needs_only_one_of_its_values(
    shared_stack: Stack, agent: str
) -> None:
    given = ("search", "ferry", "--agent", agent, "--filter")
    assert len(run_json(shared_stack, *given, "type=timetable")["results"]) == 2
    assert [hit["filename"] for hit in run_json(shared_stack, *given, "tags=y2026")["results"]] == ["2026.txt"]


def test_a_filter_that_cannot_be_read_ends_the_command_with_a_line_that_says_why(
    shared_stack: Stack, agent: str
) -> None:
    for command in ("search", "ask"):
        done = run(shared_stack, command, "ferry", "--agent", agent, "--filter", "2026", code=2)
        assert "key=value" in done.stderr
    done = run(shared_stack, "search", "ferry", "--agent", agent, "--filter", '{"type": "like", "key": "a"}', code=2)
    assert "Unknown operator" in done.stderr
