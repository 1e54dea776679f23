"""The command that lists the workers."""

import typer

from app.cli.output import AsJson, print_json, print_table, say
from app.cli.remote.client import Client
from app.cli.remote.command import remote

program = typer.Typer(add_completion=False)


@program.command("workers")
@remote
def workers(client: Client, as_json: AsJson = False) -> None:
    """List the workers with a valid lease."""
    listed = client.get("/workers")
    if as_json:
        print_json(listed)
    elif listed["workers"]:
        columns = list(listed["workers"][0])
        print_table(columns, [[worker[column] for column in columns] for worker in listed["workers"]])
    else:
        say(
            "No worker to show. A key without the scope `operator` sees only the workers that run tasks of its "
            "organization. If none is running, start workers with `make up` or ./start_celery_worker.sh."
        )
