"""Redis and Valkey: the ports ``RateLimiter`` and ``TaskWatch``, and the forms of a Redis address."""
