"""HTML, and the formats made of it."""
