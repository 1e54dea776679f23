"""The worker program of a host: ``python -m tests.chaos.host NAME`` is ``main.py worker`` on a machine of that name.

Two workers on one machine would otherwise have the same node names, which Celery does not support.
"""

import socket
import sys


def main() -> None:
    """Set the host name before any module reads it, then run the product's command line."""
    name = sys.argv.pop()
    socket.gethostname = lambda: name
    sys.argv.append("worker")
    from app.cli import main as run  # noqa: PLC0415 - Celery reads the name when it is imported

    run()


if __name__ == "__main__":
    main()
