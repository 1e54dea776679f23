"""``python -m tests.chaos``: kill everything, over and over, and see whether anything is lost."""

import argparse
import secrets
import sys
from pathlib import Path

from tests.chaos.plan import Kind, Options
from tests.chaos.run import run


def main() -> None:
    """Run it and print the table. Exits with 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=Options.tasks, help="documents to upload (%(default)s)")
    parser.add_argument("--kills", type=int, default=Options.kills, help="kills to spread over them (%(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="repeats a run; none: a new one")
    parser.add_argument("--lease", type=float, default=Options.lease, help="a worker's lease, in s (%(default)s)")
    parser.add_argument("--minutes", type=float, default=Options.minutes, help="end of new work (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where logs and data go, to stay; none: a folder that does not")
    parser.add_argument(
        "--kinds",
        nargs="+",
        type=lambda name: Kind[name.upper()],
        default=Options.kinds,
        metavar="KIND",
        help=f"what to strike, of {', '.join(kind.name.lower() for kind in Kind)}; none: all",
    )
    options = Options(**vars(parser.parse_args()))
    sys.stdout.write(f"seed {options.seed}\n")
    sys.stdout.flush()
    report = run(options, _say)
    sys.stdout.write(f"{report}\n")
    sys.exit(not report.is_clean)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
