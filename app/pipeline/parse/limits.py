from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of one document at most. Time and memory are the sandbox's concern."""

    pages: int = 5000
    """Pages of a paged format; beyond, the document is refused, never cut."""
    inflated_bytes: int = 128 * 1024 * 1024
    """XML an Office file may unpack to, all parts together. Its tree takes five to ten times that in memory."""
    markup_bytes: int = 32 * 1024 * 1024
    """Size of an HTML file."""
    attributes: int = 10_000
    """Attributes of one HTML element; libxml2 compares each with all before it."""
