"""Search over an agent's documents, and answers to questions with citations.

Both read the active vector index; a question is a task like any other.
"""
