"""Search over the documents of agents. It reads the active vector index."""
