"""Everything that brings a document in: uploads, batches, archives, web pages and crawls, and what is done with a document afterwards.

Each writes the document and its task in one transaction, once backpressure allows it.
"""
