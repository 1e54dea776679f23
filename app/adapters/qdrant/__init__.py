"""Qdrant: the port ``VectorStore``."""
