"""Text as normalised words: what the index stores, what a query asks for, and where a text has it."""
