"""All commands. A module is imported when its command runs, so that ``--help`` takes a fraction of a second."""

import os
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from app import __version__

_REMOTE, _LOCAL = "Documents and work, over HTTP", "This machine"
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "agents": ("remote.agents", _REMOTE, "Create, import, list, show, update and delete agents."),
    "documents": ("remote.documents", _REMOTE, "List, show, delete and reindex documents; print their text."),
    "upload": ("remote.uploads", _REMOTE, "Upload documents to an agent."),
    "batch": ("remote.uploads", _REMOTE, "Upload many documents as one task."),
    "webpage": ("remote.web", _REMOTE, "Add a web page to an agent."),
    "crawl": ("remote.web", _REMOTE, "Add the pages of a site to an agent."),
    "search": ("remote.answers", _REMOTE, "Search an agent's documents."),
    "ask": ("remote.answers", _REMOTE, "Answer a question from an agent's documents."),
    "eval": ("remote.evaluations", _REMOTE, "Measure how well an agent's documents are found."),
    "specs": ("remote.specs", _REMOTE, "Describe the sources of a repository as a document of an agent."),
    "profiles": ("remote.profiles", _REMOTE, "Create, import, list, show, enrich and delete customer profiles."),
    "tasks": ("remote.tasks", _REMOTE, "List, show, cancel and retry tasks."),
    "dead-letters": ("remote.dead_letters", _REMOTE, "List, show, replay and discard dead letters."),
    "events": ("remote.events", _REMOTE, "List and follow the events of the organization."),
    "webhooks": ("remote.webhooks", _REMOTE, "Register webhooks; show, replay and follow what is sent to them."),
    "queues": ("remote.queues", _REMOTE, "Show the queues; pause and resume a queue."),
    "workers": ("remote.workers", _REMOTE, "List the workers."),
    "usage": ("remote.usage", _REMOTE, "Show what was used, by hour, day or month."),
    "keys": ("remote.keys", _REMOTE, "Create, list, rotate and revoke API keys."),
    "organizations": ("remote.organizations", _REMOTE, "Create and list organizations."),
    "audit": ("remote.audit", _REMOTE, "Show who wrote what."),
    "billing": ("remote.billing", _REMOTE, "Show statements, prices and limits."),
    "upkeep": ("remote.upkeep", _REMOTE, "Show what upkeep did, and start it."),
    "retention": ("remote.retention", _REMOTE, "Show and choose how long your organization keeps what is over."),
    "demo": ("local.commands", _LOCAL, "Try Sluice on documents, with everything in a temporary folder."),
    "up": ("local.commands", _LOCAL, "Run the whole stack until Ctrl-C."),
    "api": ("local.commands", _LOCAL, "Run only the HTTP API."),
    "worker": ("local.commands", _LOCAL, "Run one worker per queue."),
    "beat": ("local.commands", _LOCAL, "Run Celery Beat, which submits the scheduled tasks."),
    "migrate": ("local.commands", _LOCAL, "Migrate the database to this version's schema."),
    "reembed": ("local.commands", _LOCAL, "Build a new vector index with the settings' model and store."),
    "prices": ("local.prices", _LOCAL, "Check the file with prices."),
    "doctor": ("local.commands", _LOCAL, "Check every dependency and say how to fix what fails."),
    "urls": ("local.commands", _LOCAL, "Print the addresses of the API and of the servers."),
    "psql": ("local.commands", _LOCAL, "Open the database with psql."),
    "redis-cli": ("local.commands", _LOCAL, "Open Redis or Valkey with its command line."),
}
"""The module below ``app.cli``, the help panel and the summary of each command."""


class _LazyGroup(TyperGroup):
    """Lists the commands without importing them, and imports the one that runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, panel, summary) in _COMMANDS.items():
            self.add_command(TyperCommand(name, help=summary, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that the arguments name."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name else None, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command. The message about a bad value begins with the reason, not with the name of an exception."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def _load(name: str) -> Any:
    """Import a command: one of those in its module, or all of them as a group."""
    module, _, summary = _COMMANDS[name]
    loaded = typer.main.get_command(import_module(f"app.cli.{module}").program)
    command: Any = loaded.commands.get(name, loaded) if isinstance(loaded, TyperGroup) else loaded
    command.help = command.help or summary
    return command


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Sluice {__version__}")
        raise typer.Exit


program = typer.Typer(cls=_LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


@program.callback(help="Sluice turns documents into searchable, citable knowledge for AI agents.")
def _set_up(
    url: Annotated[str | None, typer.Option(help="The API's address. Default: SLUICE_URL, or this machine's.")] = None,
    key: Annotated[str | None, typer.Option(help="An API key. Default: SLUICE_API_KEY, or this machine's.")] = None,
    version: Annotated[  # noqa: ARG001 - its callback ends the program
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if url:
        os.environ["SLUICE_URL"] = url
    if key:
        os.environ["SLUICE_API_KEY"] = key
