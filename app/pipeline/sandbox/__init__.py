"""The child processes that parse files, and what they exchange with their parent."""
