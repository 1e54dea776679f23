"""``python -m tests.fuzz``: upload thousands of hostile files, and check that none affects another."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.bootstrap import prepare_database
from app.embedded import Engines
from app.settings import load_settings
from tests.conftest import CORPUS
from tests.fuzz.installation import FuzzedStack
from tests.fuzz.plan import Options
from tests.fuzz.run import run
from tests.fuzz.seeds import make_seeds
from tests.running import ROOT


def main() -> None:
    """Run it and print the table. Exits with 1 if any promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=Options.files, help="files to upload (%(default)s)")
    parser.add_argument("--seed", type=int, default=Options.seed, help="repeats a run (%(default)s)")
    parser.add_argument("--time-limit", type=float, default=Options.time_limit, help="of one parse, in s (%(default)s)")
    parser.add_argument("--form", choices=sorted(make_seeds(None)), help="only files of this format, by file extension")
    parser.add_argument("--folder", type=Path, help="where logs and data go, to stay; none: a folder that does not")
    parser.add_argument("--schema", type=int, metavar="N", help="instead, N requests to each operation of the API")
    arguments = vars(parser.parse_args())
    if examples := arguments.pop("schema"):
        sys.exit(_try_schema(examples))
    options = Options(**arguments)
    with _open_folder(options) as folder, _open_stack(folder, options) as stack:
        report = run(stack, options, CORPUS if CORPUS.is_dir() else None, _say)
    sys.stdout.write(f"{report}\n")
    sys.exit(not report.is_clean)


def _try_schema(examples: int) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=3600", "tests/api/test_schema.py"]
    return subprocess.run(
        command, env={**os.environ, "SCHEMA_EXAMPLES": str(examples)}, cwd=ROOT, check=False
    ).returncode


@contextmanager
def _open_folder(options: Options) -> Iterator[Path]:
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        yield options.folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _open_stack(folder: Path, options: Options) -> Iterator[FuzzedStack]:
    with Engines(folder / "engines") as engines:
        settings = load_settings(
            database_url=engines.urls.database_url,
            redis_url=engines.urls.redis_url,
            data_dir=folder / "data",
            _env_file=None,
        )
        # The program has no event loop; the stack runs in other processes.
        asyncio.run(prepare_database(settings))
        with FuzzedStack(settings, folder, options) as stack:
            stack.start_api()
            stack.start_workers()
            yield stack


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
