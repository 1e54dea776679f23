"""Organizations, API keys and agents.

The answers kept under an ``Idempotency-Key`` belong to an organization and live here too.
"""
