"""API keys: create, list, change, rotate and revoke them. A key manages only keys that grant no more than it has."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.tenants.agents import find_agents
from app.db.tenants.api_keys import (
    find_api_key,
    insert_api_key,
    list_api_keys,
    replace_secret,
    revoke_api_key,
    update_api_key,
)
from app.domain.errors import (
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    OperatorRequiredError,
    RestrictedKeyError,
)
from app.domain.filters import read_filter
from app.domain.identity import ApiKey, Identity, NewKey, Scope
from app.domain.records import Listing
from app.services.tenants.secrets import Secret

_READS = (Scope.READ,)
_READS_AND_WRITES = (Scope.READ, Scope.WRITE)


class ApiKeys:
    """The API keys of organizations. ``caller`` is the key that manages them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Identity, wanted: NewKey) -> tuple[ApiKey, str]:
        """Create a key; returns it and its secret, which is not stored.

        Raises:
            OperatorRequiredError: when it would be an operator's and the caller is none.
            RestrictedKeyError: when it would see more agents than the caller.
            InvalidRequestError: when its filter, agents, scopes or expiry are not valid or exceed the caller's.
        """
        granted = await self._check_grant(caller, wanted)
        async with self._database.transaction() as connection:
            return await add_key(connection, caller.organization_id, granted)

    async def list(self, caller: Identity, *, limit: int, after: int | None) -> Listing[ApiKey]:
        """The keys that the caller may manage, the newest first."""
        async with self._database.statement() as connection:
            return await list_api_keys(connection, caller.access, limit=limit, after=after)

    async def get(self, caller: Identity, key_id: int) -> ApiKey:
        """One key, even if it is revoked.

        Raises:
            NotFoundError: when the caller sees no such key.
        """
        async with self._database.statement() as connection:
            return await _find(connection, caller, key_id)

    async def update(self, caller: Identity, key_id: int, changes: Mapping[str, Any]) -> ApiKey:
        """Change the ``name`` and ``expires_at`` that are given.

        Raises:
            NotFoundError: when the caller sees no such valid key.
            OperatorRequiredError: when the key is an operator's and the caller is none.
            InvalidRequestError: when the expiry is in the past, or later than the caller's.
        """
        if "expires_at" in changes:
            changes = {**changes, "expires_at": _check_expiry(caller, changes["expires_at"])}
        async with self._database.transaction() as connection:
            changed = replace(await _find_to_change(connection, caller, key_id), **changes)
            if not await update_api_key(connection, key_id, changed.name, changed.expires_at):
                raise _not_found(key_id)
        return changed

    async def rotate(self, caller: Identity, key_id: int, overlap: float) -> tuple[ApiKey, str]:
        """Give a key a new secret, which is returned. Its present one stays valid for ``overlap`` seconds.

        The secret before that is invalid from now on. Scopes, restrictions, expiry and id stay.

        Raises:
            NotFoundError: when the caller sees no such valid key.
            OperatorRequiredError: when the key is an operator's and the caller is none.
            ForbiddenError: when the key expires later than the caller's, which would so receive a longer-lived secret.
        """
        secret = Secret.make()
        async with self._database.transaction() as connection:
            key = await _find_to_change(connection, caller, key_id)
            if _expires_later(key.expires_at, caller):
                raise ForbiddenError("The key expires later than your own. Rotate it with one that expires no earlier.")
            rotated = await replace_secret(
                connection, key_id, prefix=secret.prefix, key_hash=secret.hash, overlap=overlap
            )
        if rotated is None:
            raise _not_found(key_id)
        return rotated, secret.text

    async def revoke(self, caller: Identity, key_id: int) -> None:
        """Make a key with all its secrets invalid from the next request on.

        Raises:
            NotFoundError: when the caller sees no such valid key.
            OperatorRequiredError: when the key is an operator's and the caller is none.
        """
        async with self._database.transaction() as connection:
            await _find_to_change(connection, caller, key_id)
            if not await revoke_api_key(connection, key_id):
                raise _not_found(key_id)

    async def _check_grant(self, caller: Identity, wanted: NewKey) -> NewKey:
        """The key to create, with the scopes and the expiry that apply."""
        if wanted.document_filter is not None:
            _check_filter(wanted)
        default = _READS if wanted.document_filter is not None else _READS_AND_WRITES
        scopes = tuple(wanted.scopes or default)
        if not all(map(caller.allows, scopes)):
            raise OperatorRequiredError
        if Scope.OPERATOR in scopes and wanted.agent_ids is not None:
            raise InvalidRequestError("An operator sees all agents: leave it out.", field="body.agent_ids")
        await self._check_agents(caller, wanted)
        return replace(wanted, scopes=scopes, expires_at=_check_expiry(caller, wanted.expires_at))

    async def _check_agents(self, caller: Identity, wanted: NewKey) -> None:
        if wanted.agent_ids is None:
            if caller.agent_ids is not None:
                raise RestrictedKeyError("It grants at most its own `agent_ids`: name them.")
            return
        found = {agent.id for agent in await find_agents(self._database, caller.access, wanted.agent_ids, [])}
        for agent_id in wanted.agent_ids:
            if agent_id not in found:
                raise InvalidRequestError(f"Agent {agent_id} does not exist.", field="body.agent_ids")


def _check_filter(wanted: NewKey) -> None:
    if not wanted.document_filter:
        raise InvalidRequestError("It matches every document: leave it out.", field="body.filter")
    read_filter(wanted.document_filter)
    if wanted.scopes and set(wanted.scopes) != {Scope.READ}:
        raise InvalidRequestError("A key with a filter has only the scope `read`.", field="body.scopes")


def _check_expiry(caller: Identity, expires_at: datetime | None) -> datetime | None:
    """The expiry of a key that the caller creates or changes: without one, that of the caller."""
    if expires_at is None:
        return caller.expires_at
    if expires_at <= datetime.now(UTC):
        raise InvalidRequestError("Must be in the future.", field="body.expires_at")
    if caller.expires_at is not None and _expires_later(expires_at, caller):
        latest = caller.expires_at.isoformat()
        raise InvalidRequestError(f"Your own key expires earlier, at {latest}.", field="body.expires_at")
    return expires_at


def _expires_later(expires_at: datetime | None, caller: Identity) -> bool:
    """Whether a key is valid for longer than the caller's; without an expiry, it always is."""
    return caller.expires_at is not None and (expires_at is None or expires_at > caller.expires_at)


async def add_key(connection: AsyncConnection, organization_id: int, wanted: NewKey) -> tuple[ApiKey, str]:
    """Add a key whose values were checked; returns it and its new secret."""
    secret = Secret.make()
    key = await insert_api_key(connection, organization_id, wanted, prefix=secret.prefix, key_hash=secret.hash)
    return key, secret.text


async def _find(connection: AsyncConnection, caller: Identity, key_id: int) -> ApiKey:
    key = await find_api_key(connection, caller.access, key_id)
    if key is None:
        raise NotFoundError(f"API key {key_id} does not exist.")
    return key


async def _find_to_change(connection: AsyncConnection, caller: Identity, key_id: int) -> ApiKey:
    """A valid key that the caller may change. An operator's key gives its holder more than an admin has."""
    key = await find_api_key(connection, caller.access, key_id)
    if key is None or key.revoked_at is not None:
        raise _not_found(key_id)
    if key.is_operator and not caller.allows(Scope.OPERATOR):
        raise OperatorRequiredError
    return key


def _not_found(key_id: int) -> NotFoundError:
    return NotFoundError(f"API key {key_id} does not exist or is revoked.")
