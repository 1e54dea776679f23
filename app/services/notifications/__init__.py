"""What organizations are notified of: the feeds of events."""
