"""The queries of question sets and evaluations."""
