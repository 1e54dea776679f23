"""What an operator needs: the state of queues, workers and dependencies.

Upkeep deletes what has passed its retention time.
"""
