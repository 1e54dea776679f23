"""Plain text formats: text, Markdown, RTF, source code, delimited tables."""
