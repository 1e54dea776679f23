"""Imports of lists of profiles: each row creates a profile, or changes the one of the same company."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.profiles.imports import insert_profiles, lock_same, update_profiles
from app.domain.errors import DocumentDamagedError, InvalidUrlError, TransactionConflictError, UrlNotAllowedError
from app.domain.identity import Access
from app.domain.onboarding import RowCode, RowError
from app.domain.ports import Parser
from app.domain.profiles import PROFILE_ROWS, Profile, ProfileRow, SourceKind, make_given, merge
from app.services.profiles.profiles import Profiles, add_days, check_agent, write_now

_INVALID = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(slots=True)
class ImportResult:
    """What became of the rows. ``profile_ids`` are those of the profiles that were created or changed."""

    rows: int
    created: int = 0
    updated: int = 0
    profile_ids: list[int] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


class ProfileImports:
    """Imports lists of profiles."""

    def __init__(self, database: Database, parser: Parser, profiles: Profiles) -> None:
        self._database = database
        self._parser = parser
        self._profiles = profiles

    async def run(self, access: Access, agent_id: int, path: Path) -> ImportResult:
        """Import the list in a file: CSV, a workbook or JSON. Rows that are wrong are named; the others are imported.

        All rows are written in one transaction. A list that is imported again changes nothing more.

        Raises:
            NotFoundError: when the caller has no such agent.
            InvalidListError: when the file is no list of profiles.
            DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError: when it cannot be read.
        """
        async with self._database.statement() as connection:
            await check_agent(connection, access, agent_id)
        parsed = await self._parser.parse(path, PROFILE_ROWS)
        try:
            rows = [self._check(_read_row(row)) for row in parsed.metadata["rows"]]
        except _INVALID as error:
            raise DocumentDamagedError("Reading the list returned an invalid answer.") from error
        result = ImportResult(len(rows))
        result.errors = [{"line": row.line, **asdict(row.error)} for row in rows if row.error]
        await self._write(access, agent_id, [row for row in rows if row.error is None], result)
        return result

    def _check(self, row: ProfileRow) -> ProfileRow:
        """The row with the canonical form of its website, or an error if that may not be read."""
        if row.error or row.website is None:
            return row
        try:
            website = self._profiles.check_website(row.website)
        except (InvalidUrlError, UrlNotAllowedError) as error:
            is_invalid = isinstance(error, InvalidUrlError)
            code = RowCode.URL_INVALID if is_invalid else RowCode.URL_NOT_ALLOWED
            return ProfileRow(row.line, error=RowError("website", code, error.message, row.website[:100]))
        return ProfileRow(row.line, row.name, website, row.fields, row.enrich_every_days)

    @repeats_on_conflict
    async def _write(self, access: Access, agent_id: int, rows: Sequence[ProfileRow], result: ImportResult) -> None:
        now = write_now()
        async with self._database.transaction() as connection:
            await check_agent(connection, access, agent_id)
            known = await _find_known(connection, agent_id, rows)
            changed, fresh = dict[int, dict[str, Any]](), list[dict[str, Any]]()
            for row in rows:
                profile = known.get(row.website or row.name.lower())
                if profile:
                    changed[profile.id] = _change(profile, row, now)
                else:
                    fresh.append(_make(access.organization_id, agent_id, row, now))
            await update_profiles(connection, changed)
            try:
                ids = await insert_profiles(connection, fresh)
            except IntegrityError as error:
                raise TransactionConflictError from error  # another request has added one of the companies
        result.created, result.updated, result.profile_ids = len(ids), len(changed), sorted([*changed, *ids])


def _read_row(given: Mapping[str, Any]) -> ProfileRow:
    error = given["error"]
    return ProfileRow(**{**given, "error": RowError(**{**error, "code": RowCode(error["code"])}) if error else None})


async def _find_known(connection: AsyncConnection, agent_id: int, rows: Sequence[ProfileRow]) -> dict[str, Profile]:
    """The profiles of these companies, by website or, for those without one, by name in lower case."""
    websites = [row.website for row in rows if row.website]
    names = [row.name.lower() for row in rows if not row.website]
    found = await lock_same(connection, agent_id, websites, names)
    return {profile.website or profile.name.lower(): profile for profile in found}


def _make(organization_id: int, agent_id: int, row: ProfileRow, now: str) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "agent_id": agent_id,
        "name": row.name,
        "website": row.website,
        "fields": merge(make_given(row.fields or {}, SourceKind.IMPORT, now)),
        "enrich_every_days": row.enrich_every_days,
        "next_enrichment_at": add_days(row.enrich_every_days) if row.website else None,
    }


def _change(profile: Profile, row: ProfileRow, now: str) -> dict[str, Any]:
    """The columns of a profile as a row changes them. Fields that the row leaves empty stay, and so do a user's."""
    given = row.fields or {}
    former = profile.list_facts()
    kept = [fact for fact in former if fact.field not in given or fact.kind is not SourceKind.IMPORT]
    days = row.enrich_every_days or profile.enrich_every_days
    is_new = days != profile.enrich_every_days
    return {
        "name": row.name,
        "fields": merge([*make_given(given, SourceKind.IMPORT, now), *kept]),
        "enrich_every_days": days,
        "next_enrichment_at": add_days(days) if is_new and profile.website else profile.next_enrichment_at,
    }
