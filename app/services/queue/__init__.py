"""The life of a task above the ledger: admission, execution, retries, parents, recovery and dead letters.

``after_commit`` does what follows a commit: the next admission, the result backend, alerts, the parent task.
"""
