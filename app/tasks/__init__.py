"""The Celery tasks, each one service call, and the processes that run them."""
