"""Organizations, API keys and agents.

The responses stored under an ``Idempotency-Key`` belong to an organization and are here too.
"""
