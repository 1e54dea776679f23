"""API keys: authenticate, create, list and revoke."""

import hashlib
import secrets
from collections.abc import Sequence

from app.db.engine import Database
from app.db.identities import (
    find_identity,
    get_default_organization,
    has_api_keys,
    insert_api_key,
    list_api_keys,
    revoke_api_key,
)
from app.domain.errors import NotFoundError, UnauthorizedError
from app.domain.identity import ApiKey, Identity, Scope
from app.domain.records import Listing

_PREFIX = "sk_sluice_"
_SHOWN_CHARACTERS = len(_PREFIX) + 6


def _hash(secret: str) -> bytes:
    """SHA-256 suffices: the secret is 256 random bits, so a slow hash would not make guessing harder."""
    return hashlib.sha256(secret.encode()).digest()


class Identities:
    """API keys and the identities that they authenticate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def authenticate(self, secret: str) -> Identity:
        """The identity that this key authenticates.

        Raises:
            UnauthorizedError: when it is unknown or revoked.
        """
        async with self._database.statement() as connection:
            identity = await find_identity(connection, _hash(secret))
        if identity is None:
            raise UnauthorizedError
        return identity

    async def get_default_organization(self) -> int:
        """The organization that the first start created."""
        async with self._database.statement() as connection:
            return await get_default_organization(connection)

    async def bootstrap(self, secret: str | None) -> str | None:
        """Create the first key if there is none; returns its secret, to be shown once.

        A given ``secret`` becomes a valid key whether or not others exist, and is not returned.
        """
        organization_id = await self.get_default_organization()
        async with self._database.transaction() as connection:
            if secret is None and await has_api_keys(connection):
                return None
            if secret is not None and await find_identity(connection, _hash(secret)):
                return None
        _, made = await self.create_key(organization_id, "bootstrap", list(Scope), secret)
        return None if secret else made

    async def create_key(
        self, organization_id: int, name: str, scopes: Sequence[str], secret: str | None = None
    ) -> tuple[ApiKey, str]:
        """Create a key, with the given secret or a random one; returns it and its secret, which is not stored."""
        secret = secret or _PREFIX + secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            key = await insert_api_key(
                connection,
                organization_id,
                name=name,
                prefix=secret[:_SHOWN_CHARACTERS] if secret.startswith(_PREFIX) else secret[:4],
                key_hash=_hash(secret),
                scopes=scopes,
            )
        return key, secret

    async def list_keys(self, organization_id: int, *, limit: int, after: int | None) -> Listing[ApiKey]:
        """An organization's keys, newest first."""
        async with self._database.statement() as connection:
            return await list_api_keys(connection, organization_id, limit=limit, after=after)

    async def revoke_key(self, organization_id: int, key_id: int) -> None:
        """Make a key invalid from the next request on.

        Raises:
            NotFoundError: when the organization has no such valid key.
        """
        async with self._database.statement() as connection:
            if not await revoke_api_key(connection, organization_id, key_id):
                raise NotFoundError(f"API key {key_id} does not exist or is revoked.")
