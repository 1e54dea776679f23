"""Failures that prevent or end the run of a process."""

from app.domain.errors.base import SluiceError


class PartDiedError(SluiceError):
    """A process of Sluice ended unexpectedly."""

    code = "part_died"


class StartupError(SluiceError):
    """Sluice cannot start."""

    code = "startup_failed"


class IndexMismatchError(StartupError):
    """The settings do not match the vector index that the documents are in."""

    code = "index_mismatch"
