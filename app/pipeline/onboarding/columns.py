"""The columns of lists, under the names that spreadsheets give them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from app.domain.errors import InvalidListError

_SEPARATORS = re.compile(r"[\s_.-]+")
_SHOWN_CHARACTERS = 60
_SHOWN = 10


@dataclass(frozen=True)
class Columns:
    """The columns that a kind of list may have.

    Attributes:
        names: Their names.
        others: Further names of columns.
        prefixes: Words that a header may have before the name, such as ``agent_``.
        required: The column without which a file is no such list.
        several: Columns of which a file may have several, whose cells are joined by line breaks.
        items: The key of the list in a JSON object.
    """

    names: Sequence[str]
    required: str
    items: str
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)
    prefixes: Sequence[str] = ()
    several: frozenset[str] = frozenset()

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {other: name for name, others in self.others.items() for other in others} | dict(
            zip(self.names, self.names, strict=True)
        )

    def find(self, header: object) -> str | None:
        """The column that a header names, in any case and with any separators; None if it names none."""
        name = _SEPARATORS.sub("_", str(header).strip().strip("\ufeff*:").lower()).strip("_")
        if name in self._by_name:
            return self._by_name[name]
        shortened = (name.removeprefix(prefix) for prefix in self.prefixes if name.startswith(prefix))
        return next((self._by_name.get(short) for short in shortened), None)

    def map_header(self, headers: Sequence[str]) -> list[str | None]:
        """The column of each cell in the header; None for an empty cell.

        Raises:
            InvalidListError: a column is unknown, is named twice, or the required one is missing.
        """
        columns = [self.find(header) if header.strip() else None for header in headers]
        unknown = [header for header, column in zip(headers, columns, strict=True) if header.strip() and not column]
        listed = ", ".join(self.names)
        if unknown:
            named = ", ".join(f"“{header.strip()[:_SHOWN_CHARACTERS]}”" for header in unknown[:_SHOWN])
            raise InvalidListError(f"Unknown: {named}. Remove or rename them. The columns are: {listed}.")
        for column in dict.fromkeys(filter(None, columns)):
            if columns.count(column) > 1 and column not in self.several:
                raise InvalidListError(f"More than one column is `{column}`.")
        if self.required not in columns:
            raise InvalidListError(f"It has no column `{self.required}`. Its first row names columns: {listed}.")
        return columns


SETTINGS = ("chunk_size", "chunk_overlap", "chunker", "weight", "max_in_flight")
AGENT_COLUMNS = Columns(
    names=("name", "slug", *SETTINGS, "settings", "documents", "metadata"),
    required="name",
    items="agents",
    others={
        "name": ("agent", "title", "display_name", "customer", "customer_name", "company", "company_name", "client"),
        "slug": ("key", "handle", "collection", "identifier"),
        "chunk_size": ("chunksize",),
        "chunk_overlap": ("chunkoverlap", "overlap"),
        "weight": ("share",),
        "max_in_flight": ("maxinflight", "max_tasks", "max_concurrency", "concurrency"),
        "documents": (
            *("document", "document_url", "document_urls", "url", "urls", "link", "links", "page", "pages"),
            *("webpage", "webpages", "web_page", "web_pages", "website", "websites"),
        ),
        "metadata": ("meta", "document_metadata"),
    },
    prefixes=("agent_", "settings_"),
    several=frozenset({"documents"}),
)
