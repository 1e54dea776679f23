"""The queries of providers: their circuit breakers and their usage."""
