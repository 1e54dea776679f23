"""Customer profiles: what is known about a company, each field with the sources that show it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.domain.onboarding import RowError

COMPANY_PAGE = "application/vnd.sluice.company-page+html"
"""The media type under which the sandbox reads a page for a profile: facts about its company instead of its text."""


PROFILE_ROWS = "application/vnd.sluice.profiles"
"""The media type under which the sandbox reads a file as a list of profiles."""
MOST_IMPORTED = 5_000
"""The rows of one list."""


class ProfileStatus(StrEnum):
    """The status of a profile. While an enrichment waits or runs, it is ``ENRICHING``."""

    NEW = "new"
    """It was not enriched yet."""

    ENRICHING = "enriching"
    """A task reads the company's pages or the agent's documents."""

    ENRICHED = "enriched"
    """The last enrichment succeeded."""

    STALE = "stale"
    """The company's page no longer exists. The fields are those of the last enrichment that succeeded."""

    FAILED = "failed"
    """The last enrichment failed. The fields are those before it."""


class SourceKind(StrEnum):
    """Where a value comes from, the most reliable first: of different values, that of the first kind counts."""

    USER = "user"
    IMPORT = "import"
    JSON_LD = "json-ld"
    MICRODATA = "microdata"
    OPENGRAPH = "opengraph"
    META = "meta"
    TEXT = "text"
    MODEL = "model"


_ORDER = list(SourceKind)
GIVEN = (SourceKind.USER, SourceKind.IMPORT)
"""The kinds of values that people gave. No enrichment replaces them."""

SINGLE = ("name", "legal_name", "description", "address", "country", "language", "founded", "logo")
"""The fields of one value."""
SEVERAL = ("emails", "phones", "industries")
"""The fields with a list of values."""
SOCIALS = "socials"
"""The field with one address for each network, by the network's name."""
FIELDS = (*SINGLE, *SEVERAL, SOCIALS)

MOST_VALUES = 10
"""Values of a field with a list, and networks."""
MOST_SOURCES = 10
"""Sources that a field keeps."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of a field, and the source that shows it.

    Attributes:
        field: One of ``FIELDS``.
        value: The value, for a list one of its items.
        kind: The kind of the source.
        quote: The words of the source that show the value.
        url: The page; None for a document, and for what a person gave.
        document_id: The document, with the ``page`` and the characters ``start`` to ``end`` of the quote.
        key: The network of a social account.
        fetched_at: When the source was read, in RFC 3339.
    """

    field: str
    value: str
    kind: SourceKind
    quote: str | None = None
    url: str | None = None
    document_id: int | None = None
    page: int | None = None
    start: int | None = None
    end: int | None = None
    key: str | None = None
    fetched_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The source as a profile's row contains it: without empty parts and without the field's name."""
        return {name: value for name, value in asdict(self).items() if value is not None and name != "field"}

    @classmethod
    def from_json(cls, field: str, given: Mapping[str, Any]) -> "Fact":
        """The inverse of ``as_json``."""
        return cls(field=field, **{**given, "kind": SourceKind(given["kind"])})


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer profile's row.

    Attributes:
        fields: For each known field its ``value``, the time ``fetched_at`` and the ``sources``; see ``merge``.
        summary: ``sentences``, each with its ``quotes``, and the ``model`` that wrote them; None without one.
        error: Why the last enrichment failed: ``code`` and ``message``.
        reading: What the running enrichment has read; None outside of one.
        task_id: The latest enrichment.
    """

    id: int
    organization_id: int
    agent_id: int
    name: str
    website: str | None
    status: ProfileStatus
    fields: Mapping[str, Any]
    summary: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    reading: Mapping[str, Any] | None
    enrich_every_days: int | None
    next_enrichment_at: datetime | None
    task_id: UUID | None
    enriched_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def list_facts(self) -> list[Fact]:
        """All sources of all fields."""
        return list_facts(self.fields)


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """A row of a list: a profile to create or change, or an error.

    Attributes:
        line: The line of a CSV file, where the header is the first; the number of the row in a workbook; the index in a
            JSON list, from 0.
        name: The company's name; empty with an error.
        website: Its website, not checked yet.
        fields: The values that the row gives.
        enrich_every_days: The days after which it is enriched again.
        error: What is wrong with the row.
    """

    line: int
    name: str = ""
    website: str | None = None
    fields: Mapping[str, Any] | None = None
    enrich_every_days: int | None = None
    error: RowError | None = None


def list_facts(fields: Mapping[str, Any]) -> list[Fact]:
    """All sources of the fields of a profile."""
    return [Fact.from_json(name, source) for name, field in fields.items() for source in field["sources"]]


def forget_documents(
    fields: Mapping[str, Any], summary: Mapping[str, Any] | None, document_ids: Collection[int]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The fields and the summary of a profile without what these documents say."""
    kept = merge(fact for fact in list_facts(fields) if fact.document_id not in document_ids)
    sentences = [
        sentence
        for sentence in (summary or {}).get("sentences", ())
        if not any(quote.get("document_id") in document_ids for quote in sentence["quotes"])
    ]
    return kept, {**(summary or {}), "sentences": sentences} if sentences else None


def merge(facts: Iterable[Fact]) -> dict[str, Any]:
    """The fields of a profile that has these facts: ``{field: {value, fetched_at, sources}}``.

    The sources are in the order of their kinds; those of one kind keep the given order. The first one decides a field
    of one value. Where people gave values, only these count, and the others stay as sources.
    """
    by_field = dict[str, list[Fact]]()
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    return {name: _merge_field(name, by_field[name]) for name in FIELDS if name in by_field}


def _merge_field(name: str, facts: Sequence[Fact]) -> dict[str, Any]:
    ordered = _drop_repeated(sorted(facts, key=lambda fact: _ORDER.index(fact.kind)))
    given = [fact for fact in ordered if fact.kind is ordered[0].kind] if ordered[0].kind in GIVEN else ordered
    value: Any = ordered[0].value
    if name in SEVERAL:
        value = list(dict.fromkeys(fact.value for fact in given))[:MOST_VALUES]
    elif name == SOCIALS:
        value = {fact.key or "": fact.value for fact in reversed(given)}
        value = dict(sorted(value.items())[:MOST_VALUES])
    sources = [fact.as_json() for fact in ordered[:MOST_SOURCES]]
    return {"value": value, "fetched_at": ordered[0].fetched_at, "sources": sources}


def _drop_repeated(facts: Iterable[Fact]) -> list[Fact]:
    """The facts without those that say the same as one before them, by a source of the same kind."""
    first = dict[tuple[Any, ...], Fact]()
    for fact in facts:
        first.setdefault((fact.value, fact.key, fact.kind, fact.document_id), fact)
    return list(first.values())


def make_given(fields: Mapping[str, Any], kind: SourceKind, at: str) -> list[Fact]:
    """The facts of values that a person gave: a text, a list of texts, or, of socials, a text for each network."""
    facts = list[Fact]()
    for name, value in fields.items():
        pairs = value.items() if isinstance(value, Mapping) else ((None, one) for one in _as_list(value))
        facts += [Fact(name, str(one), kind, key=key, fetched_at=at) for key, one in pairs]
    return facts


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
