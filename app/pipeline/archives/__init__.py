"""Archives: their formats, names and entries."""
