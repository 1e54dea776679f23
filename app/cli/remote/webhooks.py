"""Commands for webhooks and their deliveries."""

from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_fields, print_json, print_list, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, check_text, remote
from app.domain.webhooks import CALLBACKS, DeliveryStatus

program = typer.Typer(no_args_is_help=True, add_completion=False)

WebhookId = Annotated[int, typer.Argument(min=1, help="The webhook's id.")]
Webhook = Annotated[str, typer.Argument(callback=check_text, help=f"The webhook's id, or `{CALLBACKS}`.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", help="A type of events, `task.*` or `*`; may be repeated. Default: all.")
]
Agents = Annotated[list[str] | None, typer.Option("--agent", "-a", help="Only events of this agent; may be repeated.")]
Status = Annotated[DeliveryStatus | None, typer.Option("--status", help="Only deliveries with this status.")]
Event = Annotated[str | None, typer.Option("--event", callback=check_text, help="Only events of this type.")]
_ATTEMPT = ["at", "ms", "status", "error", "excerpt"]


@program.command("create")
@remote
def create(
    client: Client,
    target: Annotated[str, typer.Argument(callback=check_text, help="The URL that receives the events.")],
    event: Events = None,
    agent: Agents = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Register a webhook and print its secret, which is not shown again."""
    body: dict[str, Any] = {"url": target, "events": event or ["*"], "description": description}
    if agent:
        body["agent_ids"] = [find_agent(client, one) for one in agent]
    made = client.post("/webhooks", body)
    if as_json:
        print_json(made)
    else:
        print_table(["id", "url", "events", "secret"], [[made["id"], made["url"], made["events"], made["secret"]]])


@program.command("list")
@remote
def list_(client: Client, limit: Limit = 100, after: After = None, as_json: AsJson = False) -> None:
    """List webhooks, newest first."""
    page = client.get("/webhooks", limit=limit, after=after)
    columns = ["id", "url", "events", "enabled", "disabled_reason", "failures", "failing_since"]
    print_list(page, "webhooks", columns, as_json=as_json)


@program.command("enable")
@remote
def enable(client: Client, webhook_id: WebhookId) -> None:
    """Enable a webhook. What it was not sent can be replayed."""
    client.patch(f"/webhooks/{webhook_id}", {"enabled": True})
    say(f"Webhook {webhook_id} is enabled. `./sluice webhooks replay {webhook_id} --status held` sends what it missed.")


@program.command("disable")
@remote
def disable(client: Client, webhook_id: WebhookId) -> None:
    """Disable a webhook."""
    client.patch(f"/webhooks/{webhook_id}", {"enabled": False})
    say(f"Webhook {webhook_id} is disabled.")


@program.command("delete")
@remote
def delete(client: Client, webhook_id: WebhookId) -> None:
    """Delete a webhook. What it was not sent yet is not sent any more."""
    client.delete(f"/webhooks/{webhook_id}")
    say(f"Webhook {webhook_id} is deleted.")


@program.command("rotate")
@remote
def rotate(
    client: Client,
    webhook: Webhook,
    overlap_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the former secret signs too.")] = 24,
) -> None:
    """Replace a secret and print the new one. For a webhook, it is not shown again."""
    rotated = client.post(f"/webhooks/{webhook}/secret/rotate", {"overlap_hours": overlap_hours})
    print_json(rotated)


@program.command("callback-secret")
@remote
def callback_secret(client: Client) -> None:
    """Print the secret that signs what is sent to callback URLs."""
    print_json(client.get(f"/webhooks/{CALLBACKS}/secret")["secrets"])


@program.command("test")
@remote
def send_test(client: Client, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Send a test event to a webhook now."""
    sent = client.post(f"/webhooks/{webhook_id}/test")
    if as_json:
        print_json(sent)
    else:
        say(f"Delivery {sent['id']} is queued. `./sluice webhooks show {webhook_id} {sent['id']}` shows the answer.")


@program.command("deliveries")
@remote
def deliveries(
    client: Client,
    webhook: Webhook,
    status: Status = None,
    event: Event = None,
    limit: Limit = 20,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    page = client.get(f"/webhooks/{webhook}/deliveries", status=status, event=event, limit=limit, after=after)
    columns = ["id", "event", "position", "status", "attempts", "last_status", "last_error", "created_at"]
    print_list(page, "deliveries", columns, as_json=as_json)


@program.command("show")
@remote
def show(
    client: Client,
    webhook: Webhook,
    delivery_id: Annotated[int, typer.Argument(min=1, help="The delivery's id.")],
    as_json: AsJson = False,
) -> None:
    """Show a delivery with its payload and its attempts."""
    delivery = client.get(f"/webhooks/{webhook}/deliveries/{delivery_id}")
    if as_json:
        print_json(delivery)
        return
    log = delivery.pop("log")
    print_fields(delivery)
    print_table(_ATTEMPT, [[attempt[column] for column in _ATTEMPT] for attempt in log])


@program.command("replay")
@remote
def replay(
    client: Client,
    webhook: Webhook,
    delivery_id: Annotated[
        int | None, typer.Argument(min=1, help="A delivery's id. Without it, the options select deliveries.")
    ] = None,
    status: Status = None,
    event: Event = None,
    everything: Annotated[bool, typer.Option("--all", help="Replay every delivery that is not pending.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send one delivery again, or all that match and are not pending."""
    wanted = {name: value for name, value in (("status", status), ("event", event)) if value is not None}
    if (delivery_id is not None) + bool(wanted) + everything != 1:
        raise typer.BadParameter("Give one delivery's id, or filter options, or --all.")
    path = f"/webhooks/{webhook}/deliveries"
    if delivery_id is None:
        answer = client.post(f"{path}/replay", {"filter": wanted, "dry_run": dry_run})
    else:
        client.get(f"{path}/{delivery_id}") if dry_run else client.post(f"{path}/{delivery_id}/replay")
        answer = {"dry_run": dry_run, "matched": 1, "replayed": 0 if dry_run else 1}
    if as_json:
        print_json(answer)
    else:
        say(f"{answer['matched']} would be replayed." if dry_run else f"{answer['replayed']} replayed.")


@program.command("listen")
@remote
def listen(
    client: Client,
    forward: Annotated[
        str | None,
        typer.Option(callback=check_text, help="A URL of this machine that gets each event by POST, signed."),
    ] = None,
    event: Events = None,
) -> None:
    """Print events as they happen, until Ctrl-C, and forward them to a program on this machine."""
    from app.cli.remote.listening import listen as run  # noqa: PLC0415 - help is shown without it

    run(client, forward, event or ["*"])
