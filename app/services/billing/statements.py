"""Monthly statements: made from what was used, and stored when the month is over."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.billing.statements import BilledOrganization, StoredStatement, add_stored, get_organization, list_stored
from app.db.billing.uses import list_uses, next_month
from app.db.engine import Database
from app.domain.errors import NotFoundError
from app.domain.prices import PriceList
from app.domain.statements import BillingStatement, Use
from app.services.billing.prices import Prices
from app.services.billing.rating import add_amounts, rate

_LATE_DAYS = 60


class Statements:
    """Makes statements at the installation's prices, or those of the organization.

    The statement of a closed month is stored when it is first made, with its prices. Usage that is recorded later makes
    a further revision at the same prices, for 60 days after the month. A revision never changes.
    """

    def __init__(self, database: Database, prices: Prices) -> None:
        self._database = database
        self._prices = prices

    async def get(self, organization_id: int, month: date | None, revision: int | None = None) -> BillingStatement:
        """The statement of a month, by default the current one.

        Args:
            organization_id: The organization.
            month: Its first day; None for the current month.
            revision: Of a closed month, a revision; None for the latest one.

        Raises:
            NotFoundError: the month has not begun, or there is no such revision.
        """
        async with self._database.transaction() as connection:
            organization = await get_organization(connection, organization_id)
            if organization is None:
                raise NotFoundError(f"Organization {organization_id} does not exist.")
            month = month or organization.today.replace(day=1)
            if month > organization.today:
                raise NotFoundError(f"The month {month:%Y-%m} has not begun.")
            stored = await list_stored(connection, organization_id, organization.name, month)
            if revision is not None:
                return _find_revision(stored, revision)
            end = next_month(month)
            if stored and organization.today >= end + timedelta(days=_LATE_DAYS):
                return stored[-1].statement
            uses = await list_uses(connection, organization_id, month, organization.today)
            if organization.today < end:
                return self._make_open(organization_id, organization, month, uses)
            if not stored or not stored[-1].covers(uses):
                prices = stored[0].statement.prices if stored else self._prices.choose(organization.settings)
                await _store(connection, organization_id, month, len(stored) + 1, uses, prices)
                stored = await list_stored(connection, organization_id, organization.name, month)
        return stored[-1].statement

    def _make_open(
        self, organization_id: int, organization: BilledOrganization, month: date, uses: Sequence[Use]
    ) -> BillingStatement:
        prices = self._prices.choose(organization.settings)
        lines = rate(uses, prices)
        total = add_amounts(lines, prices.decimals)
        return BillingStatement(organization_id, organization.name, month, 0, organization.now, prices, lines, total)


def _find_revision(stored: Sequence[StoredStatement], revision: int) -> BillingStatement:
    for one in stored:
        if one.statement.revision == revision:
            return one.statement
    raise NotFoundError(f"The statement has no revision {revision}.")


async def _store(
    connection: AsyncConnection,
    organization_id: int,
    month: date,
    revision: int,
    uses: Sequence[Use],
    prices: PriceList,
) -> None:
    lines = rate(uses, prices)
    total = add_amounts(lines, prices.decimals)
    await add_stored(connection, organization_id, month, revision, prices=prices, lines=lines, uses=uses, total=total)
