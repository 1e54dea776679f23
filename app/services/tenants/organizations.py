"""Organizations: create, list, show and rename them."""

from app.db.engine import Database
from app.db.tenants.organizations import (
    get_organization,
    insert_organization,
    list_organizations,
    rename_organization,
)
from app.domain.errors import NotFoundError
from app.domain.identity import ApiKey, Identity, NewKey, Organization, Scope
from app.domain.records import Listing
from app.services.tenants.api_keys import add_key


class Organizations:
    """The organizations of the installation. An operator sees all of them, others their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Identity, name: str, key_name: str) -> tuple[Organization, ApiKey, str]:
        """Add an organization with its first admin key; returns both and the key's secret, which is not stored.

        The key expires when the caller's does.
        """
        async with self._database.transaction() as connection:
            organization = await insert_organization(connection, name)
            key, secret = await add_key(connection, organization.id, _make_admin(caller, key_name))
        return organization, key, secret

    async def create_key(self, caller: Identity, organization_id: int, name: str) -> tuple[ApiKey, str]:
        """Add an admin key to an organization, such as one that has lost its own; returns it and its secret.

        It expires when the caller's key does.

        Raises:
            NotFoundError: when there is no such organization.
        """
        async with self._database.transaction() as connection:
            _require(await get_organization(connection, organization_id), organization_id)
            return await add_key(connection, organization_id, _make_admin(caller, name))

    async def list(self, caller: Identity, *, limit: int, after: int | None) -> Listing[Organization]:
        """The organizations that the caller sees, the newest first."""
        only = None if caller.allows(Scope.OPERATOR) else caller.organization_id
        async with self._database.statement() as connection:
            return await list_organizations(connection, only, limit=limit, after=after)

    async def get(self, caller: Identity, organization_id: int) -> Organization:
        """One organization.

        Raises:
            NotFoundError: when the caller sees no such organization.
        """
        _check(caller, organization_id)
        async with self._database.statement() as connection:
            return _require(await get_organization(connection, organization_id), organization_id)

    async def rename(self, caller: Identity, organization_id: int, name: str) -> Organization:
        """Change the name of an organization.

        Raises:
            NotFoundError: when the caller sees no such organization.
        """
        _check(caller, organization_id)
        async with self._database.statement() as connection:
            return _require(await rename_organization(connection, organization_id, name), organization_id)


def _make_admin(caller: Identity, name: str) -> NewKey:
    return NewKey(name, (Scope.ADMIN,), expires_at=caller.expires_at)


def _check(caller: Identity, organization_id: int) -> None:
    if caller.organization_id != organization_id and not caller.allows(Scope.OPERATOR):
        _require(None, organization_id)


def _require(found: Organization | None, organization_id: int) -> Organization:
    if found is None:
        raise NotFoundError(f"Organization {organization_id} does not exist.")
    return found
