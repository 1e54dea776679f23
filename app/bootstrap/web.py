"""The page reader that the settings choose."""

from app.adapters.web.client import WebClient
from app.adapters.web.firecrawl import FirecrawlReader
from app.adapters.web.reader import WebReader
from app.domain.addresses import AllowedHosts
from app.domain.ports import PageReader
from app.settings import Settings


def choose_page_reader(settings: Settings, client: WebClient) -> PageReader:
    """The page reader: Firecrawl if its key is set, otherwise Sluice's own reader."""
    if settings.firecrawl_api_key is None:
        return WebReader(client, max_bytes=settings.max_upload_bytes)
    return FirecrawlReader(
        api_key=settings.firecrawl_api_key.get_secret_value(),
        api_url=settings.firecrawl_api_url,
        time_limit=settings.web_time_limit,
        max_bytes=settings.max_upload_bytes,
        allowed=AllowedHosts.parse(settings.web_allowed_hosts),
    )
