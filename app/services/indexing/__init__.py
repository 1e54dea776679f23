"""What makes a document searchable: load, parse, chunk, embed and store it, alone or in batches.

The vector indexes, their editions and the move to another model live here too.
"""
