"""The hosts that pages are read from: what their robots.txt allows, and when each may be requested again."""

import time
from collections import OrderedDict

from app.db.crawls import reserve_request
from app.db.engine import Database
from app.domain.errors import DisallowedByRobotsError
from app.domain.ports import RobotsReader, RobotsRules
from app.domain.web_url import WebUrl

_ROBOTS_SECONDS = 3600.0
_SITES = 100


class Hosts:
    """Follows robots.txt, and keeps a delay between two requests of all workers to a host.

    Args:
        database: Stores when each host may be requested again.
        robots: Reads robots.txt; the rules of a site are kept for an hour.
        delay: The least seconds between two requests to a host.
    """

    def __init__(self, database: Database, robots: RobotsReader, delay: float) -> None:
        self._database = database
        self._robots = robots
        self._delay = delay
        self._rules: OrderedDict[str, tuple[float, RobotsRules]] = OrderedDict()

    async def check_robots(self, url: str) -> float:
        """Check robots.txt; returns the seconds to wait between two pages of the site.

        Raises:
            DisallowedByRobotsError
            PageUnreachableError, PageBusyError: as ``RobotsReader.load``.
        """
        site = str(WebUrl.parse(url).join("/"))
        known = self._rules.get(site)
        if known is None or known[0] < time.monotonic():
            known = time.monotonic() + _ROBOTS_SECONDS, await self._robots.load(url)
            self._rules[site] = known
            if len(self._rules) > _SITES:
                self._rules.popitem(last=False)
        if not known[1].allows(url):
            raise DisallowedByRobotsError
        return max(self._delay, known[1].crawl_delay)

    async def reserve(self, url: str, delay: float, longest_wait: float) -> tuple[bool, float]:
        """Reserve the next request to the host of a page: (True, seconds to wait before it).

        If the wait would be longer than ``longest_wait``, nothing is reserved: (False, seconds after which to try
        again).
        """
        async with self._database.statement() as connection:
            return await reserve_request(connection, WebUrl.parse(url).authority, delay, longest_wait)
