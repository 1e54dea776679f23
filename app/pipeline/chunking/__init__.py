"""Cuts a document's text into chunks with their exact positions and their context."""
