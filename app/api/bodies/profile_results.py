"""The results of tasks that enrich customer profiles."""

from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import example

_RESULT = {
    "profile_id": 12,
    "status": "enriched",
    "fields": ["name", "description", "emails"],
    "pages": 3,
    "model": None,
    "fallback": None,
}


class ProfileResult(BaseModel):
    """A profile was enriched. The values are in the profile, which can be deleted, and not in the task."""

    model_config = example(_RESULT)

    profile_id: int = Field(description="The profile.")
    status: Literal["enriched", "stale"] | None = Field(
        description="`stale` if the company's page no longer exists; null if the profile was deleted in the meantime."
    )
    fields: list[str] = Field([], description="The fields for which a value was found.")
    pages: int = Field(0, description="The number of pages that were read.")
    model: str | None = Field(None, description="The language model; null without one.")
    fallback: str | None = Field(None, description="Why there is no summary although there is a language model.")


class DueProfilesResult(BaseModel):
    """The enrichments that were due are submitted."""

    model_config = example({"submitted": 25})

    submitted: int = Field(description="The number of enrichments.")
