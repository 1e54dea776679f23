"""Other task queues: an application of each."""
