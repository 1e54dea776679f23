"""Measures of the queue: rates, waits, and what a failure costs."""
