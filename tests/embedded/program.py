"""A program that runs the servers until its input ends, for tests to kill."""

import argparse
import json
import os
import pwd
import signal
import sys
from concurrent.futures import thread
from pathlib import Path

from app.embedded import Engines, process

# Loaded now: an ordinary user may be unable to read root's Python later.
assert thread


def main() -> None:
    """Start, print the addresses as one line of JSON, and wait for the end of the input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--ordinary", action="store_true", help="run as an unprivileged user")
    parser.add_argument("--watchdog", action="store_true", help="behave as on systems without a parent-death signal")
    parser.add_argument("--fork", action="store_true", help="fork a child that keeps running")
    arguments = parser.parse_args()
    if arguments.watchdog:
        process._LINUX = False
    if arguments.ordinary:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    with Engines(arguments.data_dir) as engines:
        forked = os.fork() if arguments.fork else None
        if forked == 0:
            signal.pause()
        urls = engines.urls
        state = {"database_url": urls.database_url, "redis_url": urls.redis_url, "pids": engines.pids, "forked": forked}
        sys.stdout.write(json.dumps(state) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


main()
