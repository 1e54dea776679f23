"""Implementations of the ports in ``app.domain.ports``, one package for each vendor or protocol."""
