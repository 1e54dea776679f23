"""Folders and S3 buckets: the port ``BlobStore``."""
