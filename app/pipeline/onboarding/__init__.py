"""Reads lists of agents: CSV, workbooks and JSON. Runs in a child of the sandbox, since a file may be hostile."""
