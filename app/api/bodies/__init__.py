"""The JSON bodies of requests and responses, with examples."""
