"""Evaluations: how well the questions of a set are found and answered."""
