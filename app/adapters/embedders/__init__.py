"""Embedding models that run on this machine (WordLlama, MiniLM-L6, sentence-transformers): the port ``Embedder``."""
