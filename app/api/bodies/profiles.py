"""Bodies of requests and responses on customer profiles."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.bodies.agents import Name
from app.api.bodies.fields import AgentId, Next, Total, example
from app.api.bodies.tasks import ACCEPTED, TASK_ID, TaskAccepted
from app.api.bodies.webpages import Address
from app.domain.profiles import MOST_VALUES, Profile

_SOURCE = {
    "value": "hello@weirworks.com",
    "kind": "json-ld",
    "url": "https://www.weirworks.com/",
    "quote": "Hello@WeirWorks.com",
    "fetched_at": "2026-11-30T09:41:07Z",
}
_FIELD = {"value": ["hello@weirworks.com"], "fetched_at": "2026-11-30T09:41:07Z", "sources": [_SOURCE]}
_GIVEN = {"industries": ["pumps"], "socials": {"linkedin": "https://www.linkedin.com/company/weir-works"}}
_SENTENCE = {
    "text": "Weir Works builds pumps and gates for rivers.",
    "quotes": [{"quote": "We build pumps and gates for rivers.", "url": "https://www.weirworks.com/about"}],
}
_SUMMARY = {"sentences": [_SENTENCE], "model": "gpt-5-mini"}
PROFILE = {
    "id": 12,
    "agent_id": 1,
    "name": "Weir Works",
    "website": "https://www.weirworks.com/",
    "status": "enriched",
    "fields": {"emails": _FIELD},
    "summary": _SUMMARY,
    "error": None,
    "enrich_every_days": 30,
    "next_enrichment_at": "2026-12-30T09:41:07Z",
    "task_id": TASK_ID,
    "enriched_at": "2026-11-30T09:41:07Z",
    "created_at": "2026-11-23T09:41:07.120Z",
    "updated_at": "2026-11-30T09:41:07.120Z",
}
Status = Literal["new", "enriching", "enriched", "stale", "failed"]
SourceName = Literal["website", "documents"]
Kind = Literal["user", "import", "json-ld", "microdata", "opengraph", "meta", "text", "model"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Texts = Annotated[list[ShortText], Field(min_length=1, max_length=MOST_VALUES)]
WebAddress = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2048)]
EveryDays = Annotated[int | None, Field(ge=1, le=365)]
_EVERY_DAYS = "The number of days after which it is enriched again; null for never."


class GivenFields(BaseModel):
    """Values that a person gives. No enrichment replaces them."""

    model_config = example(_GIVEN, extra="forbid")

    name: Text | None = Field(None, description="The name that the company uses.")
    legal_name: Text | None = Field(None, description="Its name in registers, such as *Weir Works Ltd*.")
    description: Text | None = Field(None, description="What it does.")
    address: Text | None = Field(None, description="Its postal address, on one line.")
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = Field(
        None, description="Its country, as two letters (ISO 3166-1)."
    )
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2,3}$")] | None = Field(
        None, description="The language of its website (ISO 639)."
    )
    founded: Annotated[str, StringConstraints(pattern=r"^\d{4}(-\d\d){0,2}$")] | None = Field(
        None, description="When it was founded: a year, a month or a day."
    )
    logo: WebAddress | None = Field(None, description="The address of its logo.")
    emails: Texts | None = Field(None, description="Its mail addresses.")
    phones: Texts | None = Field(None, description="Its telephone numbers, such as `+441134960123` (E.164).")
    industries: Texts | None = Field(None, description="Words for what it works in.")
    socials: Annotated[dict[ShortText, WebAddress], Field(min_length=1, max_length=MOST_VALUES)] | None = Field(
        None, description="The addresses of its accounts, by the network's name, such as `linkedin`."
    )


class ProfileCreate(BaseModel):
    """A new profile. It has a name, a website, or both."""

    model_config = example({"name": "Weir Works", "website": "https://www.weirworks.com/"}, extra="forbid")

    name: Name | None = Field(
        None, description="The company's name. Default: the host of its website, until it is known."
    )
    website: Address | None = Field(None, description="The address of the page that an enrichment reads first.")
    fields: GivenFields = Field(GivenFields(), description="Values that are known already.")
    enrich_every_days: EveryDays = Field(None, description=_EVERY_DAYS)


class ProfileUpdate(BaseModel):
    """Changes to a profile. Omitted fields stay as they are."""

    model_config = example({"fields": {"phones": ["+441134960123"], "address": None}}, extra="forbid")

    name: Name | None = Field(None, description="The new name.")
    website: Address | None = Field(None, description="The new address; null for none.")
    fields: GivenFields = Field(
        GivenFields(), description="New values. Null removes the given value: the next enrichment decides it again."
    )
    enrich_every_days: EveryDays = Field(None, description=_EVERY_DAYS)

    def list_changes(self) -> dict[str, Any]:
        """The columns that are given, with their new values."""
        given = self.model_dump(exclude_unset=True)
        return {column: value for column, value in given.items() if column != "name" or value is not None}


class SourceBody(BaseModel):
    """What shows a value: a page, a document, or the person who gave it."""

    model_config = example(_SOURCE)

    value: str = Field(description="The value that this source shows. Where sources differ, the first one counts.")
    kind: Kind = Field(
        description=(
            "The kind of source, the most reliable first: `user`, `import`, `json-ld`, `microdata`, `opengraph`, "
            "`meta` (also the title, `<link>` and Twitter cards), `text`, `model` (a language model)."
        )
    )
    key: str | None = Field(None, description="The network of a social account.")
    url: str | None = Field(None, description="The page; null for a document and for given values.")
    document_id: int | None = Field(None, description="The document; null for a page.")
    page: int | None = Field(None, description="The document's page, from 1; null without pages.")
    start: int | None = Field(None, description="Where the quote begins in the document's text, in characters.")
    end: int | None = Field(None, description="Where it ends, exclusive.")
    quote: str | None = Field(None, description="The words of the source that show the value.")
    fetched_at: datetime | None = Field(None, description="When the source was read, or the value was given.")


class FieldBody(BaseModel):
    """A field: its value, and every source of it."""

    model_config = example(_FIELD)

    value: Any = Field(description="A text; of `emails`, `phones`, `industries` a list; of `socials` an object.")
    fetched_at: datetime | None = Field(description="When the source that counts was read.")
    sources: list[SourceBody] = Field(description="The sources, the most reliable first.")


class QuoteBody(BaseModel):
    """A quote that supports a sentence of a summary."""

    model_config = example(_SENTENCE["quotes"][0])  # type: ignore[arg-type]

    quote: str = Field(description="The words of the page or document.")
    url: str | None = Field(None, description="The page; null for a document.")
    document_id: int | None = Field(None, description="The document; null for a page.")
    page: int | None = Field(None, description="The document's page, from 1; null without pages.")
    start: int | None = Field(None, description="Where the quote begins in the document's text, in characters.")
    end: int | None = Field(None, description="Where it ends, exclusive.")


class SentenceBody(BaseModel):
    """A sentence of a summary, and the quotes that support it."""

    model_config = example(_SENTENCE)

    text: str = Field(description="The sentence.")
    quotes: list[QuoteBody] = Field(description="The quotes, each of which was found in its source.")


class ProfileSummary(BaseModel):
    """What a language model wrote. Sentences that no source supports are left out."""

    model_config = example(_SUMMARY)

    sentences: list[SentenceBody] = Field(description="Up to five sentences.")
    model: str = Field(description="The language model.")


class ProfileError(BaseModel):
    """Why the last enrichment failed."""

    model_config = example({"code": "page_not_available", "message": "The page is not available."})

    code: str = Field(description="The kind of error, for programs.")
    message: str = Field(description="What went wrong, for people.")


class ProfileBody(BaseModel):
    """A customer profile: what is known about a company, with the sources of each field."""

    model_config = example(PROFILE)

    id: int = Field(description="The profile's id.")
    agent_id: AgentId
    name: str = Field(description="The company's name.")
    website: str | None = Field(description="The address of the page that an enrichment reads first.")
    status: Status = Field(
        description=(
            "`new`: not enriched yet. `enriching`: a task is under way. `enriched`: the last one succeeded. `stale`: "
            "the company's page no longer exists. `failed`: the last one failed; the fields are those before it."
        )
    )
    fields: dict[str, FieldBody] = Field(description=f"The known fields: {', '.join(GivenFields.model_fields)}.")
    summary: ProfileSummary | None = Field(description="A summary; null without a language model.")
    error: ProfileError | None = Field(description="Why the last enrichment failed; null if it did not.")
    enrich_every_days: int | None = Field(description=_EVERY_DAYS)
    next_enrichment_at: datetime | None = Field(description="When the next enrichment is due; null for never.")
    task_id: str | None = Field(description="The task of the latest enrichment; null before the first.")
    enriched_at: datetime | None = Field(description="When an enrichment last succeeded.")
    created_at: datetime = Field(description="When it was created.")
    updated_at: datetime = Field(description="When it was last changed.")

    @classmethod
    def of(cls, profile: Profile) -> "ProfileBody":
        """Convert a record."""
        fields: Mapping[str, Any] = {name: getattr(profile, name) for name in cls.model_fields}
        return cls.model_validate({**fields, "task_id": str(profile.task_id) if profile.task_id else None})


class ProfileList(BaseModel):
    """Profiles, the newest first."""

    model_config = example({"profiles": [PROFILE], "total": 1, "next": None})

    profiles: list[ProfileBody] = Field(description="The profiles of this page.")
    total: Total
    next: Next


class ProfileEnrich(BaseModel):
    """From where a profile is enriched."""

    model_config = example({"source": "website"}, extra="forbid")

    source: SourceName = Field("website", description="The company's website, or the agent's documents.")


class ProfileFilter(BaseModel):
    """Which profiles are enriched."""

    model_config = example({"status": "new"}, extra="forbid")

    status: Status | None = Field(None, description="Only those of this status.")
    name: ShortText | None = Field(None, description="Only those whose name contains this, in upper or lower case.")


class ProfilesEnrich(BaseModel):
    """Which profiles of an agent are enriched, or which one from its documents."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"source": "website", "filter": {"status": "new"}}}
    )

    source: SourceName = Field(
        "website",
        description="`website`: all profiles that have one. `documents`: one profile, from the agent's documents.",
    )
    filter: ProfileFilter = Field(ProfileFilter(), description="With `website`: which profiles.")
    profile_id: int | None = Field(
        None,
        ge=1,
        le=2**63 - 1,
        description=(
            "With `documents`: the profile. Default: the one with the agent's name and no website, added at first."
        ),
    )


class ProfileAccepted(TaskAccepted):
    """The enrichment is queued. Follow its task for progress and result."""

    model_config = example({**ACCEPTED, "message": "Enrichment queued", "profile_id": 12})

    profile_id: int | None = Field(description="The profile; null for the profiles of an agent.")
