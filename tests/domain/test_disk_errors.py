"""A full disk has an error of its own; other errors of the operating system stay as they are."""

import errno

import pytest

from app.domain.errors import StorageFullError, translated_disk_errors


def test_a_full_disk_is_named_with_its_cause() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StorageFullError) as raised, translated_disk_errors():
        raise full
    assert raised.value.__cause__ is full


def test_another_error_is_not_its_own_cause() -> None:
    with pytest.raises(PermissionError) as raised, translated_disk_errors():
        raise PermissionError(errno.EACCES, "Permission denied")
    assert raised.value.__cause__ is None
