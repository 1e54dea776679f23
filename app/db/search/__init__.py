"""The queries of search: words and their segments, filters, ranking and the texts of results."""
