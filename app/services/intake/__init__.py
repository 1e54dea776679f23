"""Everything that adds a document: uploads, batches, archives, web pages and crawls.

Each writes the document and its task in one transaction. Reading, reindexing and deleting documents are here too.
"""
