"""A full disk, as the operating system reports it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors.requests import StorageFullError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The disk, the user's quota or the process's limit for a file."""


def name_disk_error(error: Exception) -> Exception:
    """``StorageFullError`` for an ``OSError`` that says so; any other error as it is."""
    if isinstance(error, OSError) and error.errno in _FULL:
        full = StorageFullError()
        full.__cause__ = error
        return full
    return error


@contextmanager
def translated_disk_errors() -> Iterator[None]:
    """Within the block, a full disk raises ``StorageFullError``."""
    try:
        yield
    except OSError as error:
        named = name_disk_error(error)
        if named is error:
            raise
        raise named from error
