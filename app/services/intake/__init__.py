"""Everything that brings a document in: uploads, batches, archives, web pages and crawls.

Each writes the document and its task in one transaction. Reading, reindexing and deleting documents live here too.
"""
