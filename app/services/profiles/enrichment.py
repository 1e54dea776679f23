"""Enriches a profile: reads pages or documents, and writes the fields in the transaction that ends the task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.events.outbox import insert_event
from app.db.profiles.profiles import find_profile, lock_profile, update_profile
from app.db.usage.records import record_usage
from app.domain.counting import count_of
from app.domain.errors import PageNotAvailableError, SluiceError
from app.domain.events import EventType
from app.domain.profiles import GIVEN, Fact, Profile, ProfileStatus, merge
from app.domain.tasks import Progress, Task
from app.domain.usage import UsageKind, UsageRecord
from app.domain.vectors import Account
from app.domain.web_url import WebUrl
from app.pipeline.profiles.addresses import is_same_site
from app.services.profiles.from_documents import DocumentFacts
from app.services.profiles.profiles import EnrichmentSource, name_company, write_now
from app.services.profiles.reading import CompanyPages, Reading
from app.services.profiles.summaries import Summaries, Summary, make_hits
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt


@dataclass(frozen=True, slots=True)
class _Enriched:
    """What an enrichment has found. ``replaces`` says which former facts it replaces."""

    source: EnrichmentSource
    facts: Sequence[Fact]
    summary: Summary
    unread: Sequence[str] = ()
    pages: int = 0

    def replaces(self, fact: Fact) -> bool:
        """Whether a former fact is replaced: those of pages by pages, except pages that could not be read now."""
        if fact.kind in GIVEN:
            return False
        is_of_document = fact.document_id is not None
        if self.source is EnrichmentSource.DOCUMENTS:
            return is_of_document
        return not is_of_document and fact.url not in self.unread


class Enrichment:
    """Enriches profiles.

    Args:
        summaries: Has a language model write summaries; None without one.
    """

    def __init__(
        self,
        database: Database,
        admission: Admission,
        pages: CompanyPages,
        documents: DocumentFacts,
        summaries: Summaries | None,
    ) -> None:
        self._database = database
        self._admission = admission
        self._pages = pages
        self._documents = documents
        self._summaries = summaries

    async def enrich(self, attempt: RunningAttempt) -> Outcome:
        """Enrich a profile. A page that no longer exists makes it stale; other failures keep its fields, too.

        Raises:
            RetryLaterError: when the next request to the company's host is not due soon.
            DisallowedByRobotsError, UrlNotAllowedError, PageNotAvailableError, …: as ``CompanyPages.read``.
        """
        profile = await self._load(int(attempt.task.arguments["profile_id"]))
        if profile is None:
            return Outcome({"profile_id": attempt.task.arguments["profile_id"], "status": None}, "Deleted meanwhile")
        try:
            return await self._enrich(attempt, profile)
        except PageNotAvailableError as error:
            if not error.is_gone:
                await self._record_failure(attempt, profile, error)
                raise
            return self._mark_stale(attempt, profile, error)
        except SluiceError as error:
            if not error.retryable:
                await self._record_failure(attempt, profile, error)
            raise

    async def _load(self, profile_id: int) -> Profile | None:
        async with self._database.statement() as connection:
            return await find_profile(connection, profile_id)

    async def _enrich(self, attempt: RunningAttempt, profile: Profile) -> Outcome:
        if attempt.task.arguments["source"] == EnrichmentSource.DOCUMENTS:
            return self._finish(attempt, profile, await self._read_documents(attempt, profile))
        if "page" not in attempt.task.arguments or profile.reading is None:
            return await self._read_pages(attempt, profile)
        enriched = await self._summarise(attempt, profile, Reading.from_json(profile.reading))
        return self._finish(attempt, profile, enriched)

    async def _read_pages(self, attempt: RunningAttempt, profile: Profile) -> Outcome:
        """Read the pages without a worker slot; the outcome returns the task to its queue with what was read."""
        website = profile.website or ""
        attempt.release_slot()
        self._admission.nudge(attempt.task.queue)

        async def report(page: int, pages: int) -> None:
            status = f"Reading page {page} of the company's website"
            await attempt.report(Progress("read", 10 + 40 * (page - 1) // pages, status))

        reading = await self._pages.read(website, report)

        async def apply(connection: AsyncConnection) -> None:
            await update_profile(connection, profile.id, reading=reading.as_json())

        continues = {"page": {"host": WebUrl.parse(website).authority}}
        return Outcome(None, f"Read {count_of(len(reading.pages), 'page')}", continues=continues, apply=apply)

    async def _summarise(self, attempt: RunningAttempt, profile: Profile, reading: Reading) -> _Enriched:
        now, summary = write_now(), Summary()
        facts = [replace(fact, url=page.url, fetched_at=now) for page in reading.pages for fact in page.facts]
        if self._summaries:
            await attempt.report(Progress("summarise", 60, "Summarising the pages"))
            account = Account(profile.organization_id, profile.agent_id)
            summary = await self._summaries.write(account, make_hits(reading.pages, profile.agent_id))
        words = [replace(fact, url=reading.pages[0].url, fetched_at=now) for fact in summary.facts]
        host = WebUrl.parse(reading.pages[0].url).host.removeprefix("www.")
        # Of several addresses, those of the company's own domain come first.
        facts.sort(key=lambda fact: fact.field == "emails" and not is_same_site(host, fact.value.partition("@")[2]))
        return _Enriched(EnrichmentSource.WEBSITE, [*facts, *words], summary, reading.unread, pages=len(reading.pages))

    async def _read_documents(self, attempt: RunningAttempt, profile: Profile) -> _Enriched:
        account, now, summary = Account(profile.organization_id, profile.agent_id), write_now(), Summary()

        async def report(question: int, questions: int) -> None:
            await attempt.report(Progress("search", 10 + 40 * question // questions, "Searching the documents"))

        facts, hits = await self._documents.find(account, profile.name, report)
        if self._summaries and hits:
            await attempt.report(Progress("summarise", 60, "Summarising the documents"))
            summary = await self._summaries.write(account, hits)
        return _Enriched(EnrichmentSource.DOCUMENTS, [replace(fact, fetched_at=now) for fact in facts], summary)

    def _finish(self, attempt: RunningAttempt, profile: Profile, enriched: _Enriched) -> Outcome:
        """The outcome that writes the fields, unless the profile was deleted in the meantime."""
        fields, summary = list(merge(enriched.facts)), enriched.summary

        async def apply(connection: AsyncConnection) -> None:
            # As it is now: a user may have set fields while the task ran.
            if (current := await lock_profile(connection, profile.id)) is None:
                return
            former = (fact for fact in current.list_facts() if not enriched.replaces(fact))
            await update_profile(connection, profile.id, **_complete(current, former, enriched))
            await _record(connection, attempt.task, current, ProfileStatus.ENRICHED, fields, enriched.pages)

        result = {
            "profile_id": profile.id,
            "status": ProfileStatus.ENRICHED.value,
            "fields": fields,
            "pages": enriched.pages,
            "model": summary.model,
            "fallback": summary.fallback,
        }
        return Outcome(result, f"Found {count_of(len(fields), 'field')}", apply=apply)

    def _mark_stale(self, attempt: RunningAttempt, profile: Profile, error: PageNotAvailableError) -> Outcome:
        described = {"code": error.code, "message": error.message}

        async def apply(connection: AsyncConnection) -> None:
            if (current := await lock_profile(connection, profile.id)) is None:
                return
            values = {"status": ProfileStatus.STALE.value, "error": described, "reading": None}
            await update_profile(connection, profile.id, **values)
            await _record(connection, attempt.task, current, ProfileStatus.STALE, [], 0)

        result = {"profile_id": profile.id, "status": ProfileStatus.STALE.value, "fields": [], "pages": 0}
        return Outcome({**result, "model": None, "fallback": None}, "The page no longer exists", apply=apply)

    async def _record_failure(self, attempt: RunningAttempt, profile: Profile, error: SluiceError) -> None:
        """Record why a task is about to fail, if the attempt is still valid: its row is deleted after some time."""
        described = {"code": error.code, "message": error.message}
        async with self._database.transaction() as connection:
            await attempt.report_within(connection, Progress("read", 50, "Failed"))
            values = {"status": ProfileStatus.FAILED.value, "error": described, "reading": None}
            await update_profile(connection, profile.id, **values)


async def _record(
    connection: AsyncConnection, task: Task, profile: Profile, status: ProfileStatus, fields: Sequence[str], pages: int
) -> None:
    """Write the event and the usage of an enrichment, in the transaction that ends it."""
    data = {
        "profile_id": profile.id,
        "agent_id": profile.agent_id,
        "task_id": str(task.id),
        "status": status.value,
        "fields": list(fields),
    }
    kind, organization_id = EventType.PROFILE_ENRICHED, profile.organization_id
    await insert_event(connection, organization_id, kind, data, agent_id=profile.agent_id, task_id=task.id)
    used = UsageRecord(profile.organization_id, profile.agent_id, UsageKind.PROFILE, task_id=task.id, pages=pages)
    await record_usage(connection, [used])


def _complete(profile: Profile, former: Iterable[Fact], enriched: _Enriched) -> dict[str, Any]:
    """The new values of an enriched profile's columns."""
    fields = merge([*former, *enriched.facts])
    values = {
        "status": ProfileStatus.ENRICHED.value,
        "fields": fields,
        "error": None,
        "reading": None,
        "enriched_at": datetime.now(UTC),
    }
    if summary := enriched.summary.as_json():
        values["summary"] = summary
    if profile.website and profile.name == name_company(profile.website) and "name" in fields:
        values["name"] = fields["name"]["value"]
    return values
