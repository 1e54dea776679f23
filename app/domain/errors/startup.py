"""What keeps a program from starting."""

from app.domain.errors.base import SluiceError


class PartDiedError(SluiceError):
    """A part of Sluice has died."""

    code = "part_died"


class StartupError(SluiceError):
    """Sluice cannot start."""

    code = "startup_failed"


class IndexMismatchError(StartupError):
    """The settings ask for other vectors than the documents are indexed with."""

    code = "index_mismatch"
