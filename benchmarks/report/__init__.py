"""Prints figures, draws them, publishes them, and compares them with the published ones."""
