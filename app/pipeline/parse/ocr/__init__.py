"""Text recognition on pages without text."""
