"""Sluice: documents for AI agents, through priority queues, with nothing lost."""

__version__ = "0.1.0"
