"""Celery: the port ``Doorbell``, which publishes bells and writes the result backend; the consumer of workers."""
