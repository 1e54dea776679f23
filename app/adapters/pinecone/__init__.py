"""Pinecone: the port ``VectorStore``."""
