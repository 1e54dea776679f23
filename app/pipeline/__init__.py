"""Documents as text, chunks and words: pure work without a database or a vendor."""
