"""Queries on customer profiles."""
