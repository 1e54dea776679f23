from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.prices import choose_prices
from app.services.billing.prices import Prices
from app.services.billing.statements import Statements
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class BillingServices:
    """``app.services.billing``."""

    prices: Prices
    statements: Statements


def build_billing(settings: Settings, adapters: Adapters) -> BillingServices:
    """Build the services for statements.

    Raises:
        StartupError: the prices are not valid.
    """
    prices = Prices(adapters.database, choose_prices(settings))
    return BillingServices(prices=prices, statements=Statements(adapters.database, prices))
