"""For operators: the state of queues, workers and dependencies.

Upkeep deletes rows and files whose retention time is over, and runs other regular work.
"""
