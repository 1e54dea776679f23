"""Measures of reading files: accuracy and memory, compared with other libraries."""
