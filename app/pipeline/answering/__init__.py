"""Answers from passages: evidence, quotes and citations."""
