"""Rerankers: the port ``Reranker``, by a server with a ``/rerank`` route or by a model in a folder."""
