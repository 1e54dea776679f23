"""Usage: counts what is used, adds it up, and reports it."""
