"""The outbox and the feeds of events. Nothing here commits."""
