"""A server with the protocol of OpenAI that answers as a test scripts it. The conftest of a folder imports them."""

from collections.abc import Iterator

import pytest

from tests.adapters.openai_protocol import Protocol
from tests.adapters.openai_server import OpenAIServer, run_openai


@pytest.fixture(scope="module")
def served() -> Iterator[OpenAIServer]:
    """The server of a module's tests."""
    with run_openai(Protocol()) as server:
        yield server


@pytest.fixture
def server(served: OpenAIServer) -> OpenAIServer:
    """The same, without scripts and requests of the test before."""
    served.answers.clear()
    served.requests.clear()
    return served
