"""The table of contents of the command line."""

import typer

from app.cli import agents, demo, doctor, documents, keys, serve, tasks

program = typer.Typer(
    name="sluice",
    help="Documents for AI agents, through priority queues, with nothing lost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (serve, demo, documents, tasks, doctor):
    part.add_to(program)
program.add_typer(agents.program, name="agents", help="Make and list agents.")
program.add_typer(keys.program, name="keys", help="Make, list and revoke API keys.")
program.add_typer(tasks.program, name="tasks", help="List, show and cancel tasks.")
