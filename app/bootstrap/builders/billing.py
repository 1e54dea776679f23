from dataclasses import dataclass

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.queue import QueueServices
from app.bootstrap.prices import choose_prices
from app.domain.limits import Limits
from app.services.billing.limit_book import LimitBook
from app.services.billing.limit_report import LimitReport
from app.services.billing.mails import Mails
from app.services.billing.prices import Prices
from app.services.billing.quotas import Quotas
from app.services.billing.reports import Reports
from app.services.billing.request_rates import RequestRates
from app.services.billing.statements import Statements
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class BillingServices:
    """``app.services.billing``."""

    limits: LimitBook
    mails: Mails
    reports: Reports
    limit_report: LimitReport
    prices: Prices
    quotas: Quotas
    rates: RequestRates
    statements: Statements


def build_billing(settings: Settings, adapters: Adapters, queue: QueueServices) -> BillingServices:
    """Build the services for prices, statements, limits, reports and mails.

    Raises:
        StartupError: the prices are not valid.
    """
    prices = Prices(adapters.database, choose_prices(settings))
    book = LimitBook(adapters.database, read_limits(settings))
    mails, statements = Mails(adapters.mailer), Statements(adapters.database, prices)
    quotas = Quotas(adapters.database, book, prices)
    return BillingServices(
        limits=book,
        mails=mails,
        reports=Reports(adapters.database, statements, mails, queue.admission),
        limit_report=LimitReport(book, quotas),
        prices=prices,
        quotas=quotas,
        rates=RequestRates(book, adapters.request_counts),
        statements=statements,
    )


def read_limits(settings: Settings) -> Limits:
    """The limits of every organization that has none of its own."""
    return Limits(
        settings.quota_documents_per_month,
        settings.quota_stored_bytes,
        settings.quota_tokens_per_month,
        settings.quota_requests_per_minute,
        settings.quota_amount_per_month,
    )
