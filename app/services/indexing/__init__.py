"""Makes documents searchable: parses, chunks, embeds and stores them, as a whole or in batches.

Also contains the vector indexes, their editions and the change to another model.
"""
