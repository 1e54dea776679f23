"""Failures of a request: it is invalid, or it cannot be served in the current state."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.errors.base import SluiceError
from app.domain.media import ACCEPTED


class InvalidRequestError(SluiceError):
    """The request is invalid.

    ``field`` names the part of the request that is wrong, such as ``body.priority``.
    """

    code = "invalid_request"
    status = 422

    def __init__(self, detail: str | None = None, *, field: str | None = None) -> None:
        self._errors = [{"field": field, "message": detail or self.title()}] if field else []
        super().__init__(f"{field}: {detail}" if field and detail else detail)

    @property
    def members(self) -> Mapping[str, Any]:
        """The field and what is allowed in it, if one field is wrong."""
        return {"errors": self._errors} if self._errors else {}


class BadRequestError(SluiceError):
    """The request could not be read."""

    code = "bad_request"
    status = 400


class UnauthorizedError(SluiceError):
    """A valid API key is required. Send it as `Authorization: Bearer <key>`."""

    code = "unauthorized"
    status = 401


class ForbiddenError(SluiceError):
    """This API key lacks the required scope."""

    code = "forbidden"
    status = 403


class OperatorRequiredError(ForbiddenError):
    """This needs a key with the scope `operator`, such as the bootstrap key. Only an operator can create one."""

    code = "operator_required"


class RestrictedKeyError(ForbiddenError):
    """This API key is restricted to some agents or documents. The request needs a key of the whole organization."""

    code = "key_restricted"


class NotFoundError(SluiceError):
    """Not found."""

    code = "not_found"
    status = 404


class ConflictError(SluiceError):
    """The request conflicts with the current state."""

    code = "conflict"
    status = 409


class TaskFinishedError(ConflictError):
    """The task has already finished."""

    code = "task_finished"


class SlugTakenError(ConflictError):
    """Another agent already has this slug."""

    code = "slug_taken"


class DocumentBusyError(ConflictError):
    """Another task is still working on this document. Try again when it has finished."""

    code = "document_busy"


class DuplicateProfileError(ConflictError):
    """The agent already has a customer profile of this website."""

    code = "duplicate_profile"


class ProfileBusyError(ConflictError):
    """Another task is still enriching this profile. Try again when it has finished."""

    code = "profile_busy"


class DuplicateDocumentError(ConflictError):
    """The agent already has this document."""

    code = "duplicate_document"


class UnstorableValueError(InvalidRequestError):
    """The request contains a value that cannot be stored, such as text with a NUL character."""

    code = "unstorable_value"


class EmptyFileError(InvalidRequestError):
    """The file is empty."""

    code = "empty_file"


class MissingFileError(InvalidRequestError):
    """The request contains no file."""

    code = "missing_file"


class TooManyFilesError(InvalidRequestError):
    """The request contains too many files."""

    code = "too_many_files"


class InvalidMetadataError(InvalidRequestError):
    """The metadata is not a valid JSON object."""

    code = "invalid_metadata"


class InvalidQuestionsError(InvalidRequestError):
    """The question set is not valid.

    ``errors`` are the lines that are wrong, each with what is allowed; ``more`` counts those that are not listed.
    """

    code = "invalid_questions"

    def __init__(self, errors: Sequence[tuple[str, str]] = (), more: int = 0) -> None:
        left = [f"There are {more:,} more errors."] if more else []
        super().__init__(" ".join([*(f"{place}: {message}" for place, message in errors), *left]) or None)
        self._errors = [{"field": place, "message": message} for place, message in errors]


class PayloadTooLargeError(SluiceError):
    """The request exceeds the size limit."""

    code = "payload_too_large"
    status = 413


class RequestTimeoutError(SluiceError):
    """The request did not arrive in time."""

    code = "request_timeout"
    status = 408
    retryable = True


class HeadersTooLargeError(SluiceError):
    """The request's headers are too large."""

    code = "headers_too_large"
    status = 431


class TooManyConnectionsError(SluiceError):
    """Your address has too many open connections. Close some and try again."""

    code = "too_many_connections"
    status = 429
    retryable = True


class UnsupportedTypeError(SluiceError):
    """This file type is not supported.

    ``detected_type`` is the media type of the file.
    """

    code = "unsupported_type"
    status = 415

    def __init__(self, detail: str | None = None, *, detected_type: str | None = None) -> None:
        self.detected_type = detected_type
        super().__init__(detail)

    @property
    def members(self) -> Mapping[str, Any]:
        """What the file is, and the types that are supported, each with its file name extensions."""
        supported = [{"media_type": name, "extensions": list(suffixes)} for name, suffixes in ACCEPTED.items()]
        return {"detected_type": self.detected_type, "supported_types": supported}


class BacklogFullError(SluiceError):
    """The agent's backlog is full. Try again when some of its tasks have finished."""

    code = "backlog_full"
    status = 429
    retryable = True


class StorageFullError(SluiceError):
    """The disk is full."""

    code = "storage_full"
    status = 507
    retryable = True


class ServiceUnavailableError(SluiceError):
    """A required service is unavailable. Try again shortly."""

    code = "service_unavailable"
    status = 503
    retryable = True


class ServerBusyError(ServiceUnavailableError):
    """The server has too many open connections. Try again shortly."""

    code = "server_busy"


class DatabaseUnavailableError(ServiceUnavailableError):
    """The database is unreachable. Try again shortly."""

    code = "database_unavailable"


class DatabaseFullError(StorageFullError, DatabaseUnavailableError):
    """The database's disk is full."""


class TransactionConflictError(DatabaseUnavailableError):
    """Other requests are changing the same data. Try again shortly."""

    code = "transaction_conflict"


class StorageUnavailableError(ServiceUnavailableError):
    """The file storage is unavailable. Try again shortly."""

    code = "storage_away"


class InvalidIdempotencyKeyError(InvalidRequestError):
    """Idempotency-Key must be 1 to 255 visible ASCII characters, sent once."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReusedError(InvalidRequestError):
    """This Idempotency-Key was used for a different request. Use a new key."""

    code = "idempotency_key_reused"


class IdempotencyInProgressError(ConflictError):
    """The first request with this Idempotency-Key is still running. Try again shortly."""

    code = "idempotency_in_progress"
    retryable = True
