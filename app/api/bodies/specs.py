"""The body of a request for a specification."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.fields import example
from app.api.bodies.webpages import METADATA, Address, CallbackUrl, Priority

_URL = (
    "An HTTPS URL: that of an archive, or of a repository, a branch or a tag on GitHub, GitLab, Bitbucket, Codeberg, "
    "Gitea or SourceHut."
)


class SpecsOptions(BaseModel):
    """What is written about the sources of a repository, and how."""

    model_config = ConfigDict(extra="forbid")

    spec_type: str = Field(
        "overview",
        max_length=100,
        description=(
            "`overview` (Repository Overview), `api` (API reference) or `architecture` (Architecture). The titles are "
            "accepted too."
        ),
    )
    index_first: bool = Field(
        default=True,
        description=(
            "Whether the source files become documents as well, so that search finds code by file. They come first: "
            "the specification is written when all of them have ended."
        ),
    )
    chunk_size: int | None = Field(
        None,
        ge=100,
        le=10_000,
        description=(
            "Maximum size of a chunk of the specification and of the source files, in characters. Default: the agent's."
        ),
    )
    batch_size: int = Field(200, ge=1, le=1000, description="The number of source files that are analysed at a time.")
    metadata: dict[str, Any] = Field({}, description=METADATA)
    priority: Priority = Field("low", description="The queue of the task.")
    callback_url: CallbackUrl = None


class SpecsRequest(SpecsOptions):
    """A repository whose archive a task reads from its address."""

    model_config = example({"url": "https://github.com/example/weir", "spec_type": "overview"}, extra="forbid")

    url: Address = Field(description=_URL)


def describe_specs_body() -> dict[str, Any]:
    """The OpenAPI description of the two forms of the body."""
    options = SpecsOptions.model_json_schema()["properties"]
    metadata = {"type": "string", "description": METADATA, "example": '{"year": 2026}'}
    file = {"type": "string", "format": "binary", "description": "A ZIP or tar archive of the sources, with its name."}
    url = {"type": "string", "description": f"{_URL} In place of `file`."}
    form = {"type": "object", "properties": {"file": file, "url": url, **options, "metadata": metadata}}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": {"$ref": f"#/components/schemas/{SpecsRequest.__name__}"}},
            },
        }
    }
