"""Broken and hostile answers of language models, and hostile documents: each has its outcome."""

import pytest

from app.db.engine import Database
from app.services.providers.calls import ProviderCalls
from tests.adapters.openai_protocol import Reply, stream
from tests.adapters.openai_server import OpenAIServer
from tests.services.answering import ACCOUNT, QUESTION, Sink, make_generation, make_hits
from tests.services.hostile_answers import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_each_answer_has_its_outcome(
    case: Case, served: OpenAIServer, database: Database, providers: ProviderCalls
) -> None:
    served.answers.clear()
    served.answers.append(case.reply if isinstance(case.reply, Reply) else stream(case.reply))
    sink, hits = Sink(), make_hits(case.passages)
    answering = make_generation(database, providers, served, **case.limits).answer(ACCOUNT, QUESTION, hits, sink)
    if case.error:
        with pytest.raises(case.error) as raised:
            await answering
        assert raised.value.code == case.code
        return
    result = await answering
    assert (result["answered"], result["answer"]) == (bool(case.quotes), case.answer)
    assert sink.text == result["answer"], "the sentences that clients have received are the answer"
    assert result["unsupported"] == list(case.unsupported)
    assert result["truncated"] is case.truncated
    quoted = [(reference["document_id"], reference["quote"]) for reference in result["references"]]
    assert quoted == list(case.quotes)
    for reference in result["references"]:
        hit = hits[reference["document_id"] - 1]
        assert hit.text[reference["start"] - hit.start : reference["end"] - hit.start] == reference["quote"]


def test_there_are_at_least_a_hundred_cases() -> None:
    assert len(CASES) >= 100
    assert len({case.name for case in CASES}) == len(CASES)
