"""Commands that work on this machine: they start servers and processes, or open the database themselves."""

WORKERS = ("high", "medium", "low", "default")
"""The workers, one for each queue of work."""
