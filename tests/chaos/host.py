"""The worker program of a host: ``python -m tests.chaos.host NAME`` is ``main.py worker`` on a machine of that name.

Two workers on one machine would otherwise share their node names, which Celery does not allow for.
"""

import socket
import sys


def main() -> None:
    """Take the name before anything asks for it, then run the product's own command."""
    name = sys.argv.pop()
    socket.gethostname = lambda: name
    sys.argv.append("worker")
    from app.cli import main as run  # noqa: PLC0415 - Celery keeps the name it finds when it is imported

    run()


if __name__ == "__main__":
    main()
