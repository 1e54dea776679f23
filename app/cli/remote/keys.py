"""Commands for API keys. ``--local`` uses the database of this machine, for when no valid key is left."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_json, print_list, print_table, say
from app.cli.remote.agents import find_agent
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, check_text, remote
from app.cli.remote.filters import read_filters
from app.domain.identity import ApiKey, NewKey, Scope, make_local_operator

program = typer.Typer(no_args_is_help=True, add_completion=False)

_DAY = 86_400
_COLUMNS = ["id", "name", "prefix", "scopes", "agent_ids", "filter", "expires_at", "last_used_at", "revoked_at"]

KeyId = Annotated[int, typer.Argument(min=1, help="The key's id.")]
Local = Annotated[
    bool, typer.Option("--local", help="Without a key: use the database of this machine's installation (DATA_DIR).")
]
Agents = Annotated[
    list[str] | None,
    typer.Option("--agent", "-a", help="An agent (id or slug) that the key may use; may be repeated. Default: all."),
]
Documents = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        help="Metadata of the documents that the key sees: a JSON filter, or key=value. The key then only reads.",
    ),
]
Expires = Annotated[datetime | None, typer.Option(help="When the key becomes invalid, in UTC. Default: never.")]


@program.command("create")
@remote
def create(
    client: Client,
    name: Annotated[str, typer.Argument(callback=check_text, help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="A scope of the key; may be repeated. Default: read and write; with --filter, read."),
    ] = None,
    agent: Agents = None,
    documents: Documents = None,
    expires: Expires = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print its secret, which is not stored."""
    if local:
        if agent or documents or expires:
            raise typer.BadParameter("creates keys without --agent, --filter and --expires", param_hint="--local")
        key = _create_locally(name, scope)
    else:
        given = {
            "scopes": [one.value for one in scope or ()],
            "agent_ids": [find_agent(client, one) for one in agent or ()],
            "filter": read_filters(documents),
            "expires_at": expires and expires.replace(tzinfo=expires.tzinfo or UTC).isoformat(),
        }
        key = client.post("/api-keys", {"name": name, **{field: value for field, value in given.items() if value}})
    _print_secret(key, as_json=as_json)


@program.command("list")
@remote
def list_(
    client: Client, limit: Limit = 100, after: After = None, local: Local = False, as_json: AsJson = False
) -> None:
    """List API keys, newest first."""
    page = _list_locally(limit, after) if local else client.get("/api-keys", limit=limit, after=after)
    print_list(page, "api_keys", _COLUMNS, as_json=as_json)


@program.command("rotate")
@remote
def rotate(
    client: Client,
    key_id: KeyId,
    overlap: Annotated[
        int, typer.Option(min=0, help="How long the present secret stays valid, in seconds; 0: it is invalid at once.")
    ] = _DAY,
    as_json: AsJson = False,
) -> None:
    """Give an API key a new secret and print it. The present one stays valid for a day, or --overlap seconds."""
    _print_secret(client.post(f"/api-keys/{key_id}/rotate", {"overlap_seconds": overlap}), as_json=as_json)


@program.command("revoke")
@remote
def revoke(client: Client, key_id: KeyId, local: Local = False) -> None:
    """Revoke an API key. All its secrets are invalid from the next request on."""
    if local:
        _revoke_locally(key_id)
    else:
        client.delete(f"/api-keys/{key_id}")
    say(f"Key {key_id} is revoked.")


def _print_secret(key: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(key)
    else:
        print_table(
            ["id", "name", "scopes", "secret"], [[key["id"], key["name"], " ".join(key["scopes"]), key["secret"]]]
        )


def _describe(key: ApiKey) -> dict[str, Any]:
    """A key as the API describes it."""
    shown = {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in asdict(key).items()
    }
    return {**shown, "filter": shown.pop("document_filter")}


def _create_locally(name: str, scopes: list[Scope] | None) -> dict[str, Any]:
    from app.cli.local.session import Session, run  # noqa: PLC0415 - opens the database; rarely used

    async def work(session: Session) -> dict[str, Any]:
        operator = make_local_operator(session.organization_id)
        key, secret = await session.services.tenants.api_keys.create(operator, NewKey(name, scopes))
        await session.record("keys create", f"api_key:{key.id}")
        return {**_describe(key), "secret": secret}

    return run(work, any_index=True)


def _list_locally(limit: int, after: str | None) -> dict[str, Any]:
    from app.cli.local.session import Session, run  # noqa: PLC0415

    async def work(session: Session) -> dict[str, Any]:
        operator, cursor = make_local_operator(session.organization_id), int(after) if after else None
        listing = await session.services.tenants.api_keys.list(operator, limit=limit, after=cursor)
        return {"api_keys": [_describe(key) for key in listing.items], "total": listing.total, "next": listing.next}

    return run(work, any_index=True)


def _revoke_locally(key_id: int) -> None:
    from app.cli.local.session import Session, run  # noqa: PLC0415

    async def work(session: Session) -> None:
        await session.services.tenants.api_keys.revoke(make_local_operator(session.organization_id), key_id)
        await session.record("keys revoke", f"api_key:{key_id}")

    run(work, any_index=True)
