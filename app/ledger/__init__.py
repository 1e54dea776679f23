"""The queue as SQL: every statement that changes a task."""
