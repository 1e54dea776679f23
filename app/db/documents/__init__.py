"""The queries of documents: their editions and chunks, from the upload to erasure."""
