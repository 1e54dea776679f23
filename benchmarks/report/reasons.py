"""Why a target may be missed, by the beginning of the figure's name; docs/performance.md shows those that are.

The reasons come from the measures ``costs`` and ``statements`` and from profiles.
"""

NOT_EXPLAINED = "not explained"
_REASONS = {
    "upload of 100 KB, one client": """
        the 202 waits until the file and the row are on disk, one after the other: a worker must not see a row whose
        file may be lost. The honest peer syncs only its row, the bare peer nothing
    """,
    "upload of 100 KB, 16 clients": """
        one API process uses one core, and its processor time for an upload bounds the rate. About a fifth of it is the
        system's, for writing and syncing the file and its folder; the rest is the key, the form, the hash, the type
        and the row
    """,
    "submit → start, idle": """
        a row is committed, admitted in a second transaction and claimed in a third one; Celery's task waits only for
        its message, in memory
    """,
    "no-ops, 4 slots": """
        a no-op is submitted, admitted, claimed and finished in Postgres, up to eight in one commit to disk, and each
        state is a new version of its row with an entry in three indexes. Celery keeps messages and results in memory
    """,
    "mixed documents": """
        five times the peer's rate leaves 4.3 ms of processor time for a document on two cores. Warm, the reader takes
        4 to 5 ms on average, the model 2.4, the words 3.2, and Postgres 3.5 for chunks, vectors, the index of words and
        their counts: 14 ms in all, or 1.5 times the peer's rate, if tasks, transactions and messages cost nothing
    """,
    "real documents": "as for mixed documents",
    "no-op, many waiting": "admissions are statements of their own, beside that which ends a task and claims the next",
    "small document, many waiting": """
        the end and the publication are statements of one transaction; the claim of the next document and its load
        follow after the commit
    """,
    "workers with 30 slots": """
        the main process and the supervisor of each worker, and the four processes of the pool, have own copies of
        the memory that they write after the fork
    """,
    "API and four workers ready": """
        Postgres and Valkey start first; then one process imports everything that the API and the workers share, and
        forks them
    """,
    "a no-op, 1,000,000 waiting": "admission and the claim read indexes that are a thousand times as large",
    "API process, 2,000 event streams": "each stream keeps a connection, a task and the state that it has sent",
    "end of a task → event, 2,000 streams": """
        twenty tasks end within a second, and their events wait for each other in the one process of the API
    """,
}
REASONS = {name: " ".join(reason.split()) for name, reason in _REASONS.items()}
