"""The media type of a file, detected from its content."""
