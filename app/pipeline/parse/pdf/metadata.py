"""The metadata of a PDF under the names that all formats share."""

import re
from collections.abc import Iterable

from app.domain.documents import Page

_MAX_LISTED = 100
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")
_NAMES = {"Title": "title", "Author": "author", "Subject": "subject", "Keywords": "keywords"}


def name_metadata(fields: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Title, author, subject, keywords and date (ISO 8601) of a PDF's information dictionary (ISO 32000, 14.3.3)."""
    given = {key.removeprefix("/"): str(value) for key, value in fields}
    metadata = {name: given[key] for key, name in _NAMES.items() if given.get(key)}
    created = _DATE.match(given.get("CreationDate", ""))
    if created:
        metadata["date"] = "-".join(part for part in created.groups() if part)
    return metadata


def list_blank(pages: Iterable[Page], filled: Iterable[Page]) -> list[int]:
    """The numbers of the first hundred of these pages that are not among the filled ones. They may be scans."""
    numbers = {page.number for page in filled}
    return [page.number for page in pages if page.number and page.number not in numbers][:_MAX_LISTED]
