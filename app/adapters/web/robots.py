"""Reads robots.txt (RFC 9309) with Protego."""

import re
from contextlib import aclosing

from protego import Protego

from app.adapters.web.client import WebClient
from app.domain.errors import PageNotAvailableError, TooManyRedirectsError, UnsupportedCodingError
from app.domain.web import check_status
from app.domain.web_url import WebUrl

_MAX_BYTES = 512 * 1024
_READ_BYTES = 16 * 1024 * 1024
_LONGEST_DELAY = 10.0
_AGENT = re.compile(r"\s*user[-\s]*agent\s*:?\s*([^#]*)", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z_-]+")


class ProtegoRules:
    """The rules of one site for one user agent."""

    def __init__(self, text: str, token: str) -> None:
        self._token = token
        self._rules = Protego.parse(_merge_other_agents(text, token))

    @property
    def crawl_delay(self) -> float:
        """The seconds to leave between two pages, ten at most; 0 if the site states none."""
        return min(self._rules.crawl_delay(self._token) or 0.0, _LONGEST_DELAY)

    def allows(self, url: str) -> bool:
        """Whether the site permits reading the page."""
        return self._rules.can_fetch(url, self._token)


class WebRobots:
    """Reads robots.txt with a checked client, and applies the rules for the product name of ``user_agent``."""

    def __init__(self, client: WebClient, *, user_agent: str) -> None:
        self._client = client
        found = _TOKEN.match(user_agent)
        self._token = found[0].lower() if found else "*"

    async def load(self, url: str) -> ProtegoRules:
        """Load the rules of the site of a page.

        A site without a robots.txt (4xx) allows everything. If the file cannot be read now, this raises: until it can,
        everything is disallowed.
        """
        try:
            text = await self._fetch(str(WebUrl.parse(url).join("/robots.txt")))
        except (PageNotAvailableError, TooManyRedirectsError, UnsupportedCodingError):
            text = ""
        return ProtegoRules(text, self._token)

    async def _fetch(self, url: str) -> str:
        """Read the first 512 KB of the file; the standard requires at least 500."""
        data = bytearray()
        async with self._client.get(url) as response:
            check_status(response.status, response.retry_after)
            async with aclosing(response.read(_READ_BYTES)) as pieces:
                async for piece in pieces:
                    data += piece
                    if len(data) >= _MAX_BYTES:
                        break
        return data[:_MAX_BYTES].decode("utf-8-sig", "replace")


def _merge_other_agents(text: str, token: str) -> str:
    """Give all other user agents one name, because Protego's time and memory grow with agents times rules."""
    return "\n".join(_rename_agent(line, token) for line in text.splitlines())


def _rename_agent(line: str, token: str) -> str:
    found = _AGENT.match(line)
    if found is None:
        return line
    name = found[1].strip().lower()
    if name == "*":
        return line
    product = _TOKEN.match(name)
    return f"User-agent: {token if product and product[0] == token else '-'}"
