"""The ranking of chunks by words and by meaning together."""
