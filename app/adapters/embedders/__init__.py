"""Embedding models that run on this machine: WordLlama, MiniLM-L6, a multilingual one, sentence-transformers."""
