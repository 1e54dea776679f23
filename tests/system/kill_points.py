"""The points in the processing of an upload at which a test can kill a process, by name."""

from dataclasses import dataclass
from enum import Enum, auto


class Moment(Enum):
    """The moment, relative to a call."""

    BEFORE = auto()
    AFTER = auto()
    AFTER_SOME = auto()  # after the call has returned something, such as a claim or a lost message
    AFTER_RING = auto()  # after an upload was accepted and its message was published
    INSTEAD = auto()  # no process dies; the call fails as if a disk or a broker were unavailable
    HELD = auto()  # no process dies; the call waits until the test disarms the point


@dataclass(frozen=True, slots=True)
class Point:
    """A call, as ``module:name`` where the product looks it up, and the moment."""

    target: str
    moment: Moment


_ENDS = "app.services.queue.attempt_ends"
_CLAIM = "app.services.queue.claims:claim"
_PARSE = "app.pipeline.sandbox.sandbox:ParserSandbox.parse"
_PUBLICATION = "app.services.indexing.publication"
_PUBLISH = "app.adapters.celery.doorbell:CeleryDoorbell._publish"
_SUBMISSIONS = "app.services.intake.submissions"
_RECOVERY = "app.services.queue.recovery"
_WRITER = "app.adapters.storage.files:FileWriter"

BEFORE_THE_ROW = {
    "while the file streams in": Point(f"{_WRITER}._flush", Moment.AFTER),
    "before the file gets its name": Point(f"{_WRITER}._publish", Moment.BEFORE),
    "after the file is durable, before the thread answers": Point(f"{_WRITER}._publish", Moment.AFTER),
    "after the blob is committed, before the row": Point(f"{_WRITER}.commit", Moment.AFTER),
}
AFTER_THE_ROW = {
    "after the row, before the answer": Point(f"{_SUBMISSIONS}:submit_with_documents", Moment.AFTER_SOME),
    "after admission, before the ring": Point(_PUBLISH, Moment.BEFORE),
    "after the ring, before the answer": Point("app.services.intake.uploads:Uploads.accept", Moment.AFTER_RING),
}
OUTSIDE_THE_ATTEMPT = {
    "after the bell, before the claim": Point(_CLAIM, Moment.BEFORE),
    "after the commit, before Celery is told": Point(f"{_ENDS}:AttemptEnds.write", Moment.AFTER),
    "after Celery is told, before the acknowledgement": Point("app.tasks.runtime:Runtime.execute", Moment.AFTER_SOME),
}
AFTER_CLAIM = "after the claim"
DURING_THE_ATTEMPT = {
    AFTER_CLAIM: Point(_CLAIM, Moment.AFTER_SOME),
    "after loading the rows": Point("app.services.indexing.ingestion:Ingestion.load", Moment.AFTER),
    "before parsing": Point(_PARSE, Moment.BEFORE),
    "while its child parses": Point("app.pipeline.sandbox.process:ChildProcess._read_reply", Moment.BEFORE),
    "after parsing": Point(_PARSE, Moment.AFTER),
    "between batches of embeddings": Point("app.adapters.embedders.wordllama:WordLlamaEmbedder.embed", Moment.AFTER),
    "before the last transaction": Point(f"{_ENDS}:AttemptEnds._finish", Moment.BEFORE),
    "in the last transaction, after the task": Point(f"{_ENDS}:finish", Moment.AFTER_SOME),
    "in the last transaction, after the chunks": Point(f"{_PUBLICATION}:EditionWriter.publish", Moment.AFTER),
}
DURING_SPECS = {
    "before the sources are selected": Point("app.services.specs.source_archives:pack", Moment.BEFORE),
    "after the sources are selected": Point("app.services.specs.source_archives:pack", Moment.AFTER),
    "after the sources are stored": Point("app.services.intake.attachments:Attachments.store", Moment.AFTER),
    "in the transaction that submits the sources": Point(f"{_ENDS}:expand", Moment.AFTER_SOME),
    "before the last step is submitted": Point("app.services.queue.after_commit:submit", Moment.BEFORE),
    "when the last step begins": Point("app.services.specs.generation:SpecGeneration.write", Moment.BEFORE),
    "while the sources are analysed": Point("app.services.specs.source_analysis:SourceAnalysis.analyse", Moment.AFTER),
    "after the specification is written": Point("app.services.specs.generation:write_specification", Moment.AFTER),
    "after the specification is stored": Point("app.services.specs.generation:SpecGeneration._ingest", Moment.AFTER),
    "in the last transaction, after the archive": Point("app.services.specs.generation:release_content", Moment.AFTER),
    "after the last step, before its parent ends": Point("app.services.queue.after_commit:gather", Moment.BEFORE),
}
_SEGMENTS = "app.db.search.word_segments"
DURING_A_MERGE = {
    "after the former segment is written again": Point(f"{_SEGMENTS}:_build", Moment.AFTER),
    "after the segments to merge are chosen": Point(f"{_SEGMENTS}:_choose", Moment.AFTER_SOME),
    "after the commit of a merged segment": Point(f"{_SEGMENTS}:_build_once", Moment.AFTER_SOME),
}
_CALIBRATIONS = "app.services.indexing.calibrations"
DURING_A_CALIBRATION = {
    "after the chunks of a calibration are cut": Point(f"{_CALIBRATIONS}:make_clozes", Moment.AFTER),
    "in the transaction that submits a calibration": Point(f"{_CALIBRATIONS}:submit", Moment.AFTER),
    "after the commit of a submitted calibration": Point(f"{_CALIBRATIONS}:Calibrations.submit_due", Moment.AFTER),
    "before a calibration begins": Point(f"{_CALIBRATIONS}:Calibrations.measure", Moment.BEFORE),
    "between the embeddings of a calibration": Point(f"{_CALIBRATIONS}:Calibrations._embed", Moment.AFTER),
    "in the last transaction of a calibration": Point(f"{_CALIBRATIONS}:save_calibration", Moment.AFTER),
}
_SUMS = "app.services.usage.sums"
DURING_A_ROLL_UP = {
    "in the transaction that adds records of usage": Point(f"{_SUMS}:add_records", Moment.AFTER_SOME),
    "after the commit of added records of usage": Point(f"{_SUMS}:UsageSums._add_batch", Moment.AFTER_SOME),
}
_DECISIONS = "app.services.evaluations.index_decisions"
DURING_A_GATE = {
    "in the transaction of the first results": Point("app.services.evaluations.runs:insert_results", Moment.AFTER),
    "after the evaluations of a gate are added": Point(f"{_DECISIONS}:IndexDecisions._find_pair", Moment.AFTER),
    "between the evaluations of a gate": Point(
        "app.services.evaluations.runs:EvaluationRuns.ask_all", Moment.AFTER_SOME
    ),
    "before a gate is decided": Point(f"{_DECISIONS}:IndexDecisions._conclude", Moment.BEFORE),
    "in the transaction that decides a gate": Point(f"{_DECISIONS}:decide_gate", Moment.AFTER),
    "after the commit of a decided gate": Point("app.services.indexing.reembedding:get_gate", Moment.BEFORE),
}
AFTER_VECTORS = "after the vectors are written, before the last transaction"
AROUND_A_HEARTBEAT = {
    "before a heartbeat": Point(f"{_RECOVERY}:heartbeat", Moment.BEFORE),
    "after a heartbeat": Point(f"{_RECOVERY}:heartbeat", Moment.AFTER),
}
AFTER_RETRY = "after the retry is written"
AFTER_FAILURE = "after the failure is written, before the alarm"
AFTER_TAKING_BACK = "after a task is taken back, before its follow-up"
AFTER_RECONCILE = "after a lost bell is found, before the ring"
BELL_IS_LOST = "the broker is away"
PARSER_FAILS = "the parser fails"
PARSER_WAITS = "the parser waits"
LAST_STEP_WAITS = "the last step of a specification waits"

POINTS = {
    "api": {**BEFORE_THE_ROW, **AFTER_THE_ROW, BELL_IS_LOST: Point(_PUBLISH, Moment.INSTEAD)},
    "worker": {
        **OUTSIDE_THE_ATTEMPT,
        **DURING_THE_ATTEMPT,
        **DURING_SPECS,
        **DURING_A_MERGE,
        **DURING_A_CALIBRATION,
        **DURING_A_GATE,
        **DURING_A_ROLL_UP,
        **AROUND_A_HEARTBEAT,
        AFTER_VECTORS: Point("app.services.indexing.vectors:Vectors._write", Moment.AFTER),
        AFTER_RETRY: Point(f"{_ENDS}:retry", Moment.AFTER_SOME),
        AFTER_FAILURE: Point(f"{_ENDS}:fail", Moment.AFTER_SOME),
        AFTER_TAKING_BACK: Point(f"{_RECOVERY}:reap_processes", Moment.AFTER_SOME),
        AFTER_RECONCILE: Point(f"{_RECOVERY}:reconcile", Moment.AFTER_SOME),
        PARSER_FAILS: Point(_PARSE, Moment.INSTEAD),
        PARSER_WAITS: Point(_PARSE, Moment.HELD),
        LAST_STEP_WAITS: Point("app.services.specs.generation:SpecGeneration.write", Moment.HELD),
    },
}
"""The points by program: the first argument of the command line."""
