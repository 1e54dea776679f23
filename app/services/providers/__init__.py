"""Calls to embedding, language model and vector store providers, within rate limits and behind a circuit breaker.

Texts that were embedded before are not paid for again.
"""
