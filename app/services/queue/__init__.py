"""The life of a task above the ledger: admission, execution, retries, parents, recovery and dead letters.

What follows a commit is done here: the result backend, the next admission, the parent task.
"""
