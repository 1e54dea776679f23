"""API keys: authenticate, create, list and revoke."""

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.db.tenants.identities import (
    find_api_key,
    find_identities,
    find_key_by_hash,
    get_default_organization,
    has_api_keys,
    insert_api_key,
    list_api_keys,
    lock_organization,
    revoke_api_key,
)
from app.domain.errors import NotFoundError, OperatorRequiredError, UnauthorizedError
from app.domain.identity import ApiKey, Identity, Scope
from app.domain.records import Listing

_PREFIX = "sk_sluice_"
_SHOWN_CHARACTERS = len(_PREFIX) + 6

log = structlog.get_logger()


def _hash(secret: str) -> bytes:
    """SHA-256 suffices: the secret is 256 random bits, so a slow hash would not make guessing harder."""
    return hashlib.sha256(secret.encode()).digest()


class Identities:
    """API keys and the identities that they authenticate."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._found = SharedStatement(partial(find_identities, database))

    async def authenticate(self, secret: str) -> Identity:
        """The identity that this key authenticates.

        It is read from the database for every request, so a key that is revoked is invalid at once in every process.
        Requests that arrive while a statement runs share the next one.

        Raises:
            UnauthorizedError: when it is unknown or revoked.
        """
        identity = await self._found.fetch(_hash(secret))
        if identity is None:
            raise UnauthorizedError
        return identity

    async def get_default_organization(self) -> int:
        """The organization that the first start created."""
        async with self._database.statement() as connection:
            return await get_default_organization(connection)

    async def bootstrap(self, secret: str | None) -> str | None:
        """Create the first key if there is none; returns its secret, to be shown once.

        A given ``secret`` becomes a valid key whether or not others exist, and is not returned. If it belongs to a
        revoked key, that key stays revoked.
        """
        async with self._database.transaction() as connection:
            organization_id = await get_default_organization(connection)
            await lock_organization(connection, organization_id)  # several processes may start at the same time
            if secret is None:
                if await has_api_keys(connection):
                    return None
            elif existing := await find_key_by_hash(connection, _hash(secret)):
                if existing.revoked_at:
                    log.warning(
                        "bootstrap_key_revoked", key=existing.prefix, revoked_at=existing.revoked_at.isoformat()
                    )
                return None
            made = secret or _make_secret()
            await _insert(connection, organization_id, "bootstrap", list(Scope), made)
        return None if secret else made

    async def create_key(self, organization_id: int, name: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
        """Create a key; returns it and its secret, which is not stored."""
        secret = _make_secret()
        async with self._database.transaction() as connection:
            key = await _insert(connection, organization_id, name, scopes, secret)
        return key, secret

    async def list_keys(self, organization_id: int, *, limit: int, after: int | None) -> Listing[ApiKey]:
        """An organization's keys, newest first."""
        async with self._database.statement() as connection:
            return await list_api_keys(connection, organization_id, limit=limit, after=after)

    async def revoke_key(self, organization_id: int, key_id: int, *, by_operator: bool = True) -> None:
        """Make a key invalid from the next request on.

        Raises:
            NotFoundError: when the organization has no such valid key.
            OperatorRequiredError: when the key is an operator's and the caller is none.
        """
        async with self._database.transaction() as connection:
            key = await find_api_key(connection, organization_id, key_id)
            if key and key.is_operator and not by_operator:
                raise OperatorRequiredError
            if not await revoke_api_key(connection, organization_id, key_id):
                raise NotFoundError(f"API key {key_id} does not exist or is revoked.")


def _make_secret() -> str:
    return _PREFIX + secrets.token_urlsafe(32)


async def _insert(
    connection: AsyncConnection, organization_id: int, name: str, scopes: Sequence[str], secret: str
) -> ApiKey:
    return await insert_api_key(
        connection,
        organization_id,
        name=name,
        prefix=secret[:_SHOWN_CHARACTERS] if secret.startswith(_PREFIX) else secret[:4],
        key_hash=_hash(secret),
        scopes=scopes,
    )
