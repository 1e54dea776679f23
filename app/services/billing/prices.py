"""The prices of organizations."""

from collections.abc import Sequence
from typing import Any

from app.db.billing.statements import get_organization, set_own_prices
from app.db.engine import Database
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.prices import InvalidPricesError, PriceList, describe_prices, overlay, parse_prices


class Prices:
    """The installation's prices, and those that an operator sets for an organization."""

    def __init__(self, database: Database, general: PriceList) -> None:
        self._database = database
        self._general = general

    async def get(self, organization_id: int) -> PriceList:
        """An organization's prices.

        Raises:
            NotFoundError: there is no such organization.
        """
        async with self._database.statement() as connection:
            organization = await get_organization(connection, organization_id)
        if organization is None:
            raise NotFoundError(f"Organization {organization_id} does not exist.")
        return self.choose(organization.settings)

    async def set_own(self, organization_id: int, versions: Sequence[Any]) -> PriceList:
        """Set an organization's own prices; without versions, it has none. Returns its prices.

        Raises:
            InvalidRequestError: the prices are not valid.
            NotFoundError: there is no such organization.
        """
        try:
            own = parse_prices({"versions": versions})
        except InvalidPricesError as error:
            place, _, reason = str(error).partition(": ")
            raise InvalidRequestError(f"{reason[:1].upper()}{reason[1:]}.", field=f"body.{place}") from None
        async with self._database.statement() as connection:
            if not await set_own_prices(connection, organization_id, describe_prices(own) if own.versions else None):
                raise NotFoundError(f"Organization {organization_id} does not exist.")
        return overlay(self._general, own)

    def choose(self, settings: dict[str, Any]) -> PriceList:
        """The prices of an organization with these settings."""
        own = settings.get("prices")
        return overlay(self._general, parse_prices(own) if own else None)
