"""Answers to questions, with citations. A question is a task like any other."""
