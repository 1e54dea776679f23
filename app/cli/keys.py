"""Commands for API keys."""

from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.local.session import AsJson, Session, print_json, print_table, run
from app.cli.local.stack import say
from app.domain.identity import ApiKey, Scope
from app.domain.records import Listing

program = typer.Typer(no_args_is_help=True)


@program.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[Scope] | None, typer.Option(help="A scope of the key; may be repeated. Default: read and write.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key and print its secret, which is not stored."""

    async def work(session: Session) -> tuple[ApiKey, str]:
        scopes = [one.value for one in scope or [Scope.READ, Scope.WRITE]]
        return await session.services.tenants.identities.create_key(session.organization_id, name, scopes)

    key, secret = run(work)
    if as_json:
        print_json({**asdict(key), "secret": secret})
    else:
        print_table(["id", "name", "scopes", "secret"], [[key.id, key.name, " ".join(key.scopes), secret]])


@program.command("list")
def list_(as_json: AsJson = False) -> None:
    """List API keys, newest first."""

    async def work(session: Session) -> Listing[ApiKey]:
        return await session.services.tenants.identities.list_keys(session.organization_id, limit=1000, after=None)

    listing = run(work)
    if as_json:
        print_json({"api_keys": [asdict(key) for key in listing.items], "total": listing.total, "next": listing.next})
    else:
        rows = [[key.id, key.name, key.prefix, " ".join(key.scopes), key.revoked_at] for key in listing.items]
        print_table(["id", "name", "prefix", "scopes", "revoked"], rows)


@program.command("revoke")
def revoke(key_id: Annotated[int, typer.Argument(help="The key's id.")]) -> None:
    """Revoke an API key. It is invalid from the next request on."""

    async def work(session: Session) -> None:
        await session.services.tenants.identities.revoke_key(session.organization_id, key_id)

    run(work)
    say(f"Key {key_id} is revoked.")
