"""The state that crawl tasks share: the pages of each crawl, and when each host may be requested again."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId

_ADD_URLS = text("""
    INSERT INTO crawl_urls (task_id, url) SELECT :task_id, url FROM unnest(CAST(:urls AS text[])) AS url
    ON CONFLICT DO NOTHING
    RETURNING url
""")


async def add_urls(connection: AsyncConnection, crawl: TaskId, urls: Sequence[str]) -> set[str]:
    """Add pages to a crawl; returns those that it did not have before."""
    return set((await connection.execute(_ADD_URLS, {"task_id": crawl, "urls": list(urls)})).scalars())


_LOCK_CRAWL = text("SELECT pg_advisory_xact_lock(hashtextextended(:crawl, 0))")


async def lock_crawl(connection: AsyncConnection, crawl: TaskId) -> None:
    """Wait until no other transaction adds pages to a crawl, and block others until this transaction ends.

    An advisory lock and not one on the crawl's row: the end of a page holds the page's row, and a task must not wait
    for its parent's.
    """
    await connection.execute(_LOCK_CRAWL, {"crawl": f"sluice:crawl:{crawl}"})


_CLAIM_URL = text("""
    INSERT INTO crawl_urls AS u (task_id, url, taken_by) VALUES (:task_id, :url, :taken_by)
    ON CONFLICT (task_id, url) DO UPDATE SET taken_by = excluded.taken_by WHERE u.taken_by = excluded.taken_by
    RETURNING url
""")


async def claim_url(connection: AsyncConnection, crawl: TaskId, url: str, page: TaskId) -> bool:
    """Record that the page of a task redirects to ``url``; False when another task of the crawl has that page.

    A later attempt of the same task may claim it again.
    """
    parameters = {"task_id": crawl, "url": url, "taken_by": page}
    return (await connection.execute(_CLAIM_URL, parameters)).one_or_none() is not None


_RESERVE_REQUEST = text("""
    INSERT INTO hosts AS h (name, next_at) VALUES (:name, now() + make_interval(secs => :delay))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(h.next_at, now()) + make_interval(secs => :delay)
    WHERE h.next_at <= now() + make_interval(secs => :max_wait)
    RETURNING greatest(0, extract(epoch FROM next_at - now()) - :delay)::float8
""")

_LOOK = text("SELECT greatest(0, extract(epoch FROM next_at - now()))::float8 FROM hosts WHERE name = :name")


async def reserve_request(connection: AsyncConnection, host: str, delay: float, max_wait: float) -> tuple[bool, float]:
    """Reserve the next request to a host, ``delay`` seconds after the previous one.

    Returns (True, seconds to wait before the request). If the wait would exceed ``max_wait`` seconds, nothing is
    reserved: (False, seconds after which to try again).
    """
    parameters = {"name": host, "delay": delay, "max_wait": max_wait}
    wait = (await connection.execute(_RESERVE_REQUEST, parameters)).scalar_one_or_none()
    if wait is not None:
        return True, wait
    return False, (await connection.execute(_LOOK, {"name": host})).scalar_one_or_none() or 0.0


_FORGET = text("DELETE FROM hosts WHERE next_at < now() - interval '1 hour'")


async def forget_hosts(connection: AsyncConnection) -> None:
    """Delete the hosts without a request for an hour."""
    await connection.execute(_FORGET)
