"""Plain text formats: text, Markdown, notebooks, source code, delimited tables."""
