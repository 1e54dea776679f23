"""OpenAI, and servers that use its protocol: the ports ``Embedder`` and ``ChatModel``."""
