"""Reads the source files of a repository into facts, each with its file and line, and writes them as Markdown."""
