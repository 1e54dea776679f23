"""What is wrong with a request, or with the moment it comes at."""

from app.domain.errors.base import SluiceError


class InvalidRequestError(SluiceError):
    """The request is not valid."""

    code = "invalid_request"
    status = 422


class BadRequestError(SluiceError):
    """The request could not be read."""

    code = "bad_request"
    status = 400


class UnauthorizedError(SluiceError):
    """A valid API key is required."""

    code = "unauthorized"
    status = 401


class ForbiddenError(SluiceError):
    """This API key lacks the scope for that."""

    code = "forbidden"
    status = 403


class NotFoundError(SluiceError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class ConflictError(SluiceError):
    """That contradicts the present state."""

    code = "conflict"
    status = 409


class TaskFinishedError(ConflictError):
    """The task has already finished."""

    code = "task_finished"


class SlugTakenError(ConflictError):
    """Another agent already has this slug."""

    code = "slug_taken"


class DocumentBusyError(ConflictError):
    """The document has a task that is not finished yet."""

    code = "document_busy"


class DuplicateDocumentError(ConflictError):
    """The agent has a document of the same bytes."""

    code = "duplicate_document"


class UnstorableValueError(InvalidRequestError):
    """A value in it cannot be stored, such as text with a NUL character."""

    code = "unstorable_value"


class EmptyFileError(InvalidRequestError):
    """The file is empty."""

    code = "empty_file"


class MissingFileError(InvalidRequestError):
    """The request carries no file."""

    code = "missing_file"


class TooManyFilesError(InvalidRequestError):
    """The request has too many files."""

    code = "too_many_files"


class InvalidMetadataError(InvalidRequestError):
    """The metadata is not a JSON object."""

    code = "invalid_metadata"


class PayloadTooLargeError(SluiceError):
    """The upload is larger than the limit."""

    code = "payload_too_large"
    status = 413


class UnsupportedTypeError(SluiceError):
    """Documents of this type are not supported."""

    code = "unsupported_type"
    status = 415


class BacklogFullError(SluiceError):
    """The agent has as many tasks waiting as it may; try again when some are done."""

    code = "backlog_full"
    status = 429
    retryable = True


class StorageFullError(SluiceError):
    """The disk has no room left."""

    code = "storage_full"
    status = 507
    retryable = True


class ServiceUnavailableError(SluiceError):
    """A part that this needs is down; try again shortly."""

    code = "service_unavailable"
    status = 503
    retryable = True


class DatabaseUnavailableError(ServiceUnavailableError):
    """The database cannot be reached; try again shortly."""

    code = "database_unavailable"


class StorageUnavailableError(ServiceUnavailableError):
    """The storage of files cannot take the request now; try again shortly."""

    code = "storage_away"


class InvalidIdempotencyKeyError(InvalidRequestError):
    """An Idempotency-Key is 1 to 255 visible ASCII characters, given once."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReusedError(InvalidRequestError):
    """This Idempotency-Key stands for another request."""

    code = "idempotency_key_reused"


class IdempotencyInProgressError(ConflictError):
    """The request with this Idempotency-Key is still running; try again shortly."""

    code = "idempotency_in_progress"
    retryable = True
