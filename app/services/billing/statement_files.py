"""A statement as a CSV file and as a PDF."""

import csv
import io
from decimal import Decimal

from app.domain.statements import BillingStatement, Line
from app.pipeline.statements.statement_pdf import Column, Page, write_pdf

_CSV = ("month", "revision", "quantity", "kind", "model", "tier", "units", "unit", "per", "unit_price", "amount")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    Column("Quantity", 0.34),
    Column("Tier", 0.24),
    Column("Units", 0.14, is_right=True),
    Column("Unit price", 0.14, is_right=True),
    Column("Amount", 0.14, is_right=True),
)


def write_csv(statement: BillingStatement) -> str:
    """The lines, then the total, as CSV (RFC 4180). Numbers have a decimal point and no separators of thousands."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([*_CSV, "currency", "prices_from"])
    month, revision, currency = f"{statement.month:%Y-%m}", statement.revision, statement.prices.currency
    for line in statement.lines:
        fields = (line.quantity, line.kind, line.model, line.tier, write_number(line.units), line.unit, line.per)
        unit_price, day = write_number(line.unit_price), line.valid_from
        writer.writerow([month, revision, *map(_make_harmless, fields), unit_price, line.amount, currency, day])
    writer.writerow([month, revision, "total", *[""] * 7, statement.total, currency, ""])
    return file.getvalue()


def write_statement_pdf(statement: BillingStatement) -> bytes:
    """The statement as a PDF."""
    currency = statement.prices.currency
    revision = f"Revision {statement.revision}" if statement.revision else "Open month, not final"
    head = [
        f"Organization: {statement.organization} ({statement.organization_id})",
        f"Month: {statement.month:%Y-%m} (UTC)",
        f"{revision}, made at {statement.made_at:%Y-%m-%d %H:%M} UTC",
        f"Prices: {', '.join(list_versions(statement)) or 'none'}",
    ]
    foot = [f"Total: {statement.total:,} {currency}"]
    if statement.adjustment is not None:
        foot.append(f"Difference to the revision before: {statement.adjustment:,} {currency}")
    rows = [_describe(line) for line in statement.lines]
    return write_pdf(Page(f"Statement {statement.month:%Y-%m}", head, _COLUMNS, rows, foot))


def list_versions(statement: BillingStatement) -> list[str]:
    """The versions of the prices that lines of a statement have, each by its first day."""
    return sorted({line.valid_from.isoformat() for line in statement.lines if line.valid_from})


def write_number(number: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _describe(line: Line) -> list[str]:
    name = line.quantity.replace("_", " ")
    subject = ", ".join([name, *(part for part in (line.kind, line.model) if part)])
    price = write_number(line.unit_price)
    units = f"{Decimal(write_number(line.units)):,f}"
    return [subject, line.tier, units, f"{price} / {line.per:,}" if line.per > 1 else price, f"{line.amount:,}"]


def _make_harmless(field: object) -> object:
    """A field that a spreadsheet does not run as a formula: models are named by the operator and by providers."""
    return f"'{field}" if isinstance(field, str) and field.startswith(_FORMULA) else field
