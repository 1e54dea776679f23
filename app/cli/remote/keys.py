"""Commands for API keys. ``--local`` uses the database of this machine, for when no valid key is left."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from app.cli.output import AsJson, print_json, print_list, print_table, say
from app.cli.remote.client import Client
from app.cli.remote.command import After, Limit, check_text, remote
from app.domain.identity import ApiKey, Scope

program = typer.Typer(no_args_is_help=True, add_completion=False)

Local = Annotated[
    bool, typer.Option("--local", help="Without a key: use the database of this machine's installation (DATA_DIR).")
]


@program.command("create")
@remote
def create(
    client: Client,
    name: Annotated[str, typer.Argument(callback=check_text, help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="A scope of the key; may be repeated. Default: read and write.")
    ] = None,
    local: Local = False,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print its secret, which is not stored."""
    scopes = [one.value for one in scope or [Scope.READ, Scope.WRITE]]
    key = _create_locally(name, scopes) if local else client.post("/api-keys", {"name": name, "scopes": scopes})
    if as_json:
        print_json(key)
    else:
        print_table(
            ["id", "name", "scopes", "secret"], [[key["id"], key["name"], " ".join(key["scopes"]), key["secret"]]]
        )


@program.command("list")
@remote
def list_(
    client: Client, limit: Limit = 100, after: After = None, local: Local = False, as_json: AsJson = False
) -> None:
    """List API keys, newest first."""
    page = _list_locally(limit, after) if local else client.get("/api-keys", limit=limit, after=after)
    print_list(page, "api_keys", ["id", "name", "prefix", "scopes", "created_at", "revoked_at"], as_json=as_json)


@program.command("revoke")
@remote
def revoke(
    client: Client, key_id: Annotated[int, typer.Argument(min=1, help="The key's id.")], local: Local = False
) -> None:
    """Revoke an API key. It is invalid from the next request on."""
    if local:
        _revoke_locally(key_id)
    else:
        client.delete(f"/api-keys/{key_id}")
    say(f"Key {key_id} is revoked.")


def _describe(key: ApiKey) -> dict[str, Any]:
    """A key as the API describes it."""
    times = {"created_at": key.created_at, "revoked_at": key.revoked_at}
    shown = {name: time.isoformat().replace("+00:00", "Z") if time else None for name, time in times.items()}
    return {**asdict(key), **shown}


def _create_locally(name: str, scopes: list[str]) -> dict[str, Any]:
    from app.cli.local.session import Session, run  # noqa: PLC0415 - opens the database; rarely used

    async def work(session: Session) -> dict[str, Any]:
        key, secret = await session.services.tenants.identities.create_key(session.organization_id, name, scopes)
        await session.record("keys create", f"api_key:{key.id}")
        return {**_describe(key), "secret": secret}

    return run(work, any_index=True)


def _list_locally(limit: int, after: str | None) -> dict[str, Any]:
    from app.cli.local.session import Session, run  # noqa: PLC0415

    async def work(session: Session) -> dict[str, Any]:
        identities, cursor = session.services.tenants.identities, int(after) if after else None
        listing = await identities.list_keys(session.organization_id, limit=limit, after=cursor)
        return {"api_keys": [_describe(key) for key in listing.items], "total": listing.total, "next": listing.next}

    return run(work, any_index=True)


def _revoke_locally(key_id: int) -> None:
    from app.cli.local.session import Session, run  # noqa: PLC0415

    async def work(session: Session) -> None:
        await session.services.tenants.identities.revoke_key(session.organization_id, key_id)
        await session.record("keys revoke", f"api_key:{key_id}")

    run(work, any_index=True)
