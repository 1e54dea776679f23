"""The commands that work on this machine. Each imports what it runs, so that its help is shown at once."""

# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from app.cli.local import WORKERS
from app.cli.output import AsJson

program = typer.Typer(add_completion=False)

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def _check_workers(names: list[str] | None) -> list[str] | None:
    if unknown := [name for name in names or [] if name not in WORKERS]:
        raise typer.BadParameter(f"There is no worker {unknown[0]!r}. Choose from {', '.join(WORKERS)}.")
    return names


@program.command("demo")
def demo(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Documents. Default: those in examples/.", exists=True, dir_okay=False)
    ] = None,
    ask: Annotated[str, typer.Option(help="A question that the documents answer.")] = "",
    names: Annotated[
        str, typer.Option("--files", help="Documents in one text, as `make demo` passes them: names and patterns.")
    ] = "",
) -> None:
    """Try Sluice: start everything, process documents, search them, answer a question, stop everything.

    A file that is refused is named and left out. Exits with 0 if at least one document was processed.
    """
    from app.cli.local.demo import run_demo
    from app.cli.local.demo_files import find_files

    run_demo([*(files or []), *find_files(names)], ask)


@program.command("up")
def up() -> None:
    """Run the whole stack until Ctrl-C. Data is stored in DATA_DIR."""
    from app.cli.local.serve import run_up

    run_up()


@program.command("api")
def api() -> None:
    """Run only the HTTP API."""
    from app.cli.local.serve import run_api

    run_api()


@program.command("worker")
def worker(
    queues: Annotated[
        list[str] | None, typer.Argument(callback=_check_workers, help="high, medium, low, default. Without it, all.")
    ] = None,
) -> None:
    """Run one worker per queue until SIGTERM, which lets running tasks finish. Exits with 1 if a worker dies."""
    from app.cli.local.serve import run_workers

    run_workers(queues or WORKERS)


@program.command("beat")
def beat() -> None:
    """Run Celery Beat until SIGTERM. It submits the scheduled tasks; several may run at the same time."""
    from app.cli.local.serve import run_beat

    run_beat()


@program.command("migrate")
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Instead, compare migrations and tables in a throw-away database.")
    ] = False,
) -> None:
    """Migrate the database to this version's schema."""
    from app.cli.local.migrate import check_migrations, migrate_database

    if check:
        check_migrations()
    else:
        migrate_database()


@program.command("reembed")
def reembed(
    status: Annotated[bool, typer.Option("--status", help="Only show the vector indexes.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Discard the index that is being built.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the new index is active.")] = False,
    questions: Annotated[
        int | None, typer.Option(min=1, help="The id of a question set: evaluate the new index before it is used.")
    ] = None,
    refuse_worse: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With --questions: keep the old index if nDCG@10 falls by more. Default: 0.01."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a new vector index with the model and the store of the settings.

    Workers fill it in the background. Searches read the old index until the new one is complete and, with --questions,
    until it was compared with the old one.
    """
    if status + abandon + wait > 1:
        raise typer.BadParameter("--status, --abandon and --wait cannot be combined")
    if questions is None and refuse_worse is not None:
        raise typer.BadParameter("--refuse-worse needs --questions")
    if questions is not None and (status or abandon):
        raise typer.BadParameter("--questions cannot be combined with --status or --abandon")
    from app.cli.local.reembed import change_index, make_gate

    gate = make_gate(questions, refuse_worse)
    change_index(status=status, abandon=abandon, wait=wait, gate=gate, as_json=as_json)


@program.command("doctor")
def doctor(
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Compare the vector index with the documents instead.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", "--mend", help="With --vectors: remove orphans and embed missing chunks again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every dependency and say how to fix what fails."""
    if fix and not vectors:
        raise typer.BadParameter("--fix needs --vectors")
    if vectors:
        from app.cli.local.vectors import check_vectors

        check_vectors(fix=fix, as_json=as_json)
    else:
        from app.cli.local.doctor import check_everything

        check_everything(as_json=as_json)


@program.command("urls")
def urls(
    passwords: Annotated[bool, typer.Option("--passwords", help="Show the passwords in them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the addresses of the API, the database, Redis and the broker."""
    from app.cli.local.servers import print_urls

    print_urls(passwords=passwords, as_json=as_json)


@program.command("psql", context_settings=_PASS_ON)
def psql(context: typer.Context) -> None:
    """Open the database with psql. Further arguments are psql's, such as -c "SELECT 1"."""
    from app.cli.local.servers import open_psql

    open_psql(context.args)


@program.command("redis-cli", context_settings=_PASS_ON)
def redis_cli(context: typer.Context) -> None:
    """Open Redis or Valkey with its command line. Further arguments are its own, such as PING."""
    from app.cli.local.servers import open_redis

    open_redis(context.args)
