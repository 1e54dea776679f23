"""Records what is sent to Postgres: every statement and every COPY, whether SQLAlchemy or the driver sends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_SENDS = {"query", "bind_execute", "bind_execute_many", "copy_in"}


class _Protocol:
    """The protocol of a connection of asyncpg, which adds to ``sent`` before it sends something."""

    def __init__(self, wrapped: Any, sent: list[str]) -> None:
        self._wrapped = wrapped
        self._sent = sent

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._wrapped, name)
        if name not in _SENDS:
            return attribute

        def send(*arguments: Any, **named: Any) -> Any:
            statement = arguments[0] if arguments else named["state"]
            self._sent.append(" ".join(getattr(statement, "query", statement).split()))
            return attribute(*arguments, **named)

        return send


@contextmanager
def record_sent(engine: AsyncEngine) -> Iterator[list[str]]:
    """Record what the connections of an engine send within the block, in order."""
    sent: list[str] = []
    wrapped: dict[Any, Any] = {}

    def wrap(dbapi_connection: Any, _record: object, _proxy: object) -> None:
        driver = dbapi_connection.driver_connection
        if driver not in wrapped:
            wrapped[driver] = driver._protocol
            driver._protocol = _Protocol(driver._protocol, sent)

    event.listen(engine.sync_engine, "checkout", wrap)
    try:
        yield sent
    finally:
        event.remove(engine.sync_engine, "checkout", wrap)
        for driver, protocol in wrapped.items():
            driver._protocol = protocol
