"""Measures of search: latency at several sizes, and quality on labelled sets."""
