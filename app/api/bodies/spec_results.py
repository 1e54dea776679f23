"""The result of a task that describes a repository."""

from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import DocumentId, Filename, PageCount, example


class SpecsResult(BaseModel):
    """The specification of a repository was written: search finds it.

    With source files as children, the result has the fields of `ChildrenResult` as well.
    """

    model_config = example(
        {
            "document_id": 123,
            "filename": "weir Repository Overview.md",
            "page_count": None,
            "chunk_count": 12,
            "characters": 9_120,
            "spec_type": "overview",
            "title": "weir: Repository Overview",
            "markdown": "# weir: Repository Overview\n",
            "truncated": False,
            "files": 41,
            "skipped_files": 2,
            "languages": {"Python": 2_310, "Markdown": 120},
            "mode": "plain",
        }
    )

    document_id: DocumentId
    filename: Filename
    page_count: PageCount
    chunk_count: int = Field(description="The number of chunks of the specification.")
    characters: int = Field(description="The length of its text.")
    spec_type: Literal["overview", "api", "architecture"] = Field(description="What it describes.")
    title: str = Field(description="Its title.")
    markdown: str = Field(description="Its text; the first 50,000 characters of a longer one.")
    truncated: bool = Field(description="Whether `markdown`, or the specification itself, is cut.")
    files: int = Field(description="The number of files that were analysed.")
    skipped_files: int = Field(description="The number of files that were not; the specification says why.")
    languages: dict[str, int] = Field(description="The lines of each language.")
    mode: Literal["llm", "plain"] = Field(
        description="`llm`: a language model has written some sections. `plain`: all is read from the sources."
    )
    model: str | None = Field(None, description="The language model that was asked.")
    claims: int | None = Field(None, description="The claims of the model, whose places in the sources all exist.")
    dropped_claims: int | None = Field(None, description="The claims that were left out: they name no such place.")
    fallback: str | None = Field(None, description="Why nothing that the model wrote is part of the specification.")
