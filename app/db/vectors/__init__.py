"""The queries of vectors: the indexes, and their store in Postgres."""
