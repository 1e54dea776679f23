"""The table of contents of the command line."""

import typer

from app.cli import agents, dead_letters, demo, doctor, documents, keys, queues, reembed, serve, tasks

program = typer.Typer(
    name="sluice",
    help="Documents for AI agents, through priority queues, with nothing lost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (serve, demo, documents, doctor, reembed):
    part.add_to(program)
program.add_typer(agents.program, name="agents", help="Make and list agents.")
program.add_typer(dead_letters.program, name="dead-letters", help="List, show, replay and discard dead letters.")
program.add_typer(keys.program, name="keys", help="Make, list and revoke API keys.")
program.add_typer(queues.program, name="queues", help="Show the queues; pause and resume one.")
program.add_typer(tasks.program, name="tasks", help="List, show and cancel tasks.")
