"""Queries on usage: its records, their sums, and reports of both."""
