"""Calls to providers of embeddings, language models and vector stores, within rate limits and behind circuit breakers.

A text that was embedded before is not paid for again.
"""
