"""Identities: authenticates API keys, and creates the first one."""

from functools import partial

import structlog

from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.db.tenants.api_keys import find_key_by_hash, insert_api_key
from app.db.tenants.identities import find_identities, get_default_organization, has_api_keys, lock_organization
from app.domain.errors import UnauthorizedError
from app.domain.identity import Identity, NewKey, Scope
from app.services.tenants.key_usage import KeyUsage
from app.services.tenants.secrets import Secret, hash_secret

log = structlog.get_logger()


class Identities:
    """The identities that API keys authenticate."""

    def __init__(self, database: Database, usage: KeyUsage) -> None:
        self._database = database
        self._usage = usage
        self._found = SharedStatement(partial(find_identities, database))

    async def authenticate(self, secret: str) -> Identity:
        """The identity that this key authenticates.

        It is read from the database for every request, so a key that is revoked is invalid at once in every process.
        Requests that arrive while a statement runs share the next one.

        Raises:
            UnauthorizedError: when it is unknown, revoked or expired.
        """
        identity = await self._found.fetch(hash_secret(secret))
        if identity is None:
            raise UnauthorizedError
        self._usage.note(identity.key_id)
        return identity

    async def get_default_organization(self) -> int:
        """The organization that the first start created."""
        async with self._database.statement() as connection:
            return await get_default_organization(connection)

    async def bootstrap(self, secret: str | None) -> str | None:
        """Create the first key if there is none; returns its secret, to be shown once.

        A given ``secret`` becomes a valid key whether or not others exist, and is not returned. If it belongs to a
        revoked key, that key stays revoked; if a rotation has replaced it, it stays replaced.
        """
        async with self._database.transaction() as connection:
            organization_id = await get_default_organization(connection)
            await lock_organization(connection, organization_id)  # several processes may start at the same time
            if secret is None:
                if await has_api_keys(connection):
                    return None
            elif known := await find_key_by_hash(connection, hash_secret(secret)):
                key, is_current = known
                if key.revoked_at:
                    log.warning("bootstrap_key_revoked", key=key.prefix, revoked_at=key.revoked_at.isoformat())
                elif not is_current:
                    log.warning("bootstrap_key_replaced", key=key.prefix)
                return None
            made = Secret(secret) if secret else Secret.make()
            wanted = NewKey("bootstrap", tuple(Scope))
            await insert_api_key(connection, organization_id, wanted, prefix=made.prefix, key_hash=made.hash)
        return None if secret else made.text
