"""All commands of the command line."""

import typer

from app.cli import agents, dead_letters, documents, keys, queues, tasks
from app.cli.local import demo, doctor, reembed, serve

program = typer.Typer(
    name="sluice",
    help="Sluice turns documents into searchable, citable knowledge for AI agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for part in (serve, demo, documents, doctor, reembed):
    part.add_to(program)
program.add_typer(agents.program, name="agents", help="Create and list agents.")
program.add_typer(dead_letters.program, name="dead-letters", help="List, show, replay and discard dead letters.")
program.add_typer(keys.program, name="keys", help="Create, list and revoke API keys.")
program.add_typer(queues.program, name="queues", help="Show the queues; pause and resume a queue.")
program.add_typer(tasks.program, name="tasks", help="List, show and cancel tasks.")
