"""Lists of agents: their rows, and what becomes of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

AGENT_ROWS = "application/vnd.sluice.agents"
"""The media type with which the sandbox is asked to read a file as a list of agents."""
MAX_ROWS = 50_000
"""The rows of one list."""
MAX_ATOMIC = 20_000
"""The rows and web pages that one transaction creates, in a third of the time that a transaction may take."""
MAX_URLS = 100
"""The web pages of one row."""
LISTED = 1_000
"""The agents and the errors that a result lists. All of them are pages of a list."""


class OnExisting(StrEnum):
    """What to do with a row whose slug an agent has."""

    ERROR = "error"
    SKIP = "skip"
    UPDATE = "update"


class RowOutcome(StrEnum):
    """What became of a row. One that has none was not attempted: the import was cancelled or is ``atomic``."""

    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


class RowCode(StrEnum):
    """Why a row failed or was skipped."""

    NAME_MISSING = "name_missing"
    NAME_INVALID = "name_invalid"
    SLUG_INVALID = "slug_invalid"
    SLUG_DUPLICATED = "slug_duplicated"
    SLUG_TAKEN = "slug_taken"
    NUMBER_INVALID = "number_invalid"
    SETTING_INVALID = "setting_invalid"
    URL_INVALID = "url_invalid"
    URL_NOT_ALLOWED = "url_not_allowed"
    TOO_MANY_URLS = "too_many_urls"
    METADATA_INVALID = "metadata_invalid"
    VALUE_INVALID = "value_invalid"
    COLUMN_UNKNOWN = "column_unknown"
    ROW_INVALID = "row_invalid"


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row. ``column`` is None for the row as a whole; ``value`` is cut."""

    column: str | None
    code: RowCode
    message: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class AgentRow:
    """A row of a list: an agent to create, or an error.

    Attributes:
        line: The line of a CSV file, where the header is the first; the number of the row in a workbook; the index in a
            JSON list, from 0.
        name: The agent's name; empty with an error.
        slug: Its slug, given or derived from the name.
        settings: The settings that the row gives.
        urls: The web pages that become its documents.
        metadata: The metadata of these documents.
        error: Why it cannot be created.
    """

    line: int
    name: str = ""
    slug: str = ""
    settings: Mapping[str, Any] | None = None
    urls: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None
    error: RowError | None = None


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a list is imported: all rows or none with ``atomic``, nothing at all with ``dry_run``."""

    atomic: bool = False
    dry_run: bool = False
    on_existing: OnExisting = OnExisting.ERROR
