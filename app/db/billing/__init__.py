"""Queries on statements and limits."""
