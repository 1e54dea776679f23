"""Benchmarks of Sluice and of the systems it is compared with: ``python -m benchmarks``."""
