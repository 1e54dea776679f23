"""Routes for statements and prices."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.api.access import Operator, OrganizationReader, ServicesOf
from app.api.bodies.billing import PricesBody, PricesUpdate, StatementBody
from app.api.problems import RESPONSES, document_problems
from app.domain.errors import OperatorRequiredError
from app.domain.statements import BillingStatement
from app.services.billing.statement_files import write_csv, write_statement_pdf

router = APIRouter(tags=["billing"], responses=RESPONSES)


class Format(StrEnum):
    """The formats of a statement."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"


_MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.PDF: "application/pdf"}
_FILES: dict[int | str, dict[str, object]] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        }
    }
}
Month = Annotated[
    str | None,
    Query(pattern="^(20[0-9]{2})-(0[1-9]|1[0-2])$", description="The month in UTC, as `YYYY-MM`. Default: this one."),
]


@router.get("/analytics/billing", response_model=StatementBody, responses=_FILES)
async def get_statement(
    request: Request,
    identity: OrganizationReader,
    services: ServicesOf,
    month: Month = None,
    revision: Annotated[
        int | None, Query(ge=1, le=100_000, description="A revision of a closed month. Default: the latest one.")
    ] = None,
    output: Annotated[
        Format | None, Query(alias="format", description="Default: what `Accept` asks for, otherwise JSON.")
    ] = None,
) -> Response | StatementBody:
    """The statement of a month: what your organization used and what it costs.

    The statement of a closed month is stored with its prices when it is first made, and never changes. Usage that is
    recorded later makes a further revision.
    """
    first = date.fromisoformat(f"{month}-01") if month else None
    statement = await services.billing.statements.get(identity.organization_id, first, revision)
    chosen = output or _read_accept(request.headers.get("accept", ""))
    return StatementBody.of(statement) if chosen is Format.JSON else _make_file(statement, chosen)


@router.get("/prices")
async def get_prices(identity: OrganizationReader, services: ServicesOf) -> PricesBody:
    """Show the prices of your organization: its own ones where it has some, otherwise those of the installation."""
    return PricesBody.of(await services.billing.prices.get(identity.organization_id))


@router.put("/organizations/{organization_id}/prices", responses=document_problems(OperatorRequiredError))
async def set_prices(
    organization_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="The organization's id.")],
    body: PricesUpdate,
    _identity: Operator,
    services: ServicesOf,
) -> PricesBody:
    """Set the own prices of an organization, for its open and future months. This needs the scope `operator`."""
    return PricesBody.of(await services.billing.prices.set_own(organization_id, body.versions))


def _read_accept(header: str) -> Format:
    """The first format that the header names."""
    for part in header.lower().split(","):
        match part.partition(";")[0].strip():
            case "text/csv":
                return Format.CSV
            case "application/pdf":
                return Format.PDF
            case "application/json" | "*/*":
                return Format.JSON
    return Format.JSON


def _make_file(statement: BillingStatement, output: Format) -> Response:
    content = write_csv(statement) if output is Format.CSV else write_statement_pdf(statement)
    name = f"statement-{statement.month:%Y-%m}.{output.value}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=_MEDIA_TYPES[output], headers=headers)
