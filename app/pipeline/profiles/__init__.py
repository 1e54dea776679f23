"""Facts about a company from its web pages: structured data first, then text."""
