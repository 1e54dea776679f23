"""Bodies of requests and responses on lists of customer profiles."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.bodies.bulk import BulkError
from app.api.bodies.fields import example
from app.domain.profiles import MOST_IMPORTED

_ERROR = {
    "line": 17,
    "column": "country",
    "code": "value_invalid",
    "message": "Must be a country: its name, or two letters (ISO 3166-1).",
    "value": "Atlantis",
}
_PROFILE = {"name": "Weir Works", "website": "https://www.weirworks.com/", "emails": ["office@weirworks.com"]}


class ProfileImportResult(BaseModel):
    """What became of the rows of a list of customer profiles."""

    model_config = example({"rows": 3, "created": 1, "updated": 1, "profile_ids": [12, 13], "errors": [_ERROR]})

    rows: int = Field(description="The number of rows, without the header and empty ones.")
    created: int = Field(description="The profiles that were created.")
    updated: int = Field(description="The profiles that existed, and were given the values of their rows.")
    profile_ids: list[int] = Field(description="The ids of these profiles.")
    errors: list[BulkError] = Field(description="The rows that were left out, and why.")


def describe_import_body() -> dict[str, Any]:
    """The OpenAPI description of the bodies that a list may be sent as."""
    file: dict[str, Any] = {
        "type": "string",
        "format": "binary",
        "description": "The list as CSV, as a workbook (XLSX, XLS, XLSB, ODS) or as JSON; recognised by its content.",
    }
    table = {"type": "string", "description": "A table whose first row names the columns."}
    rows = {
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_IMPORTED,
        "description": "The profiles: `name`, and the same columns as a table has.",
        "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}},
    }
    listed = {"type": "object", "required": ["profiles"], "properties": {"profiles": rows}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"anyOf": [listed, rows]},
                    "example": {"profiles": [_PROFILE]},
                },
                "text/csv": {
                    "schema": table,
                    "example": "name,website,emails\nWeir Works,https://www.weirworks.com/,office@weirworks.com\n",
                },
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {"schema": file},
                "multipart/form-data": {
                    "schema": {"type": "object", "required": ["file"], "properties": {"file": file}}
                },
            },
        }
    }
