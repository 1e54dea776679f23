"""The JSON bodies that requests carry and answers hold, with examples."""
