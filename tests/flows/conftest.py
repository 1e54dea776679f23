"""One running stack with low limits, which may read pages of this machine, for all tests in this folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from app.settings import load_settings
from tests.running import Stack

LIMITS = {
    "max_upload_mb": "2",
    "batch_max_files": "30",
    "archive_max_members": "100",
    "archive_max_mb": "5",
    "archive_max_depth": "3",
    "large_document_chunks": "60",
    "embedding_batch_chunks": "20",
    "web_allowed_hosts": "127.0.0.1",
    "web_time_limit": "5",
    "crawl_delay_seconds": "0.01",
}


@pytest.fixture(scope="package")
def shared_stack(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """API and workers, shared by the modules in this folder."""
    with make_database() as (database_url, redis_url):
        folder = tmp_path_factory.mktemp("data")
        settings = load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder, **LIMITS)
        with Stack(settings) as running:
            running.environment |= {name.upper(): value for name, value in LIMITS.items()}
            running.start_api()
            running.start_workers()
            yield running


@pytest.fixture
def agent(shared_stack: Stack) -> int:
    """The id of a new agent."""
    return shared_stack.make_agent()
