"""Queries for upkeep: what is deleted after its retention time, and the record of each run."""
