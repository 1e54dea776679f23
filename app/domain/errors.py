"""Every failure Sluice knows, one class each.

The docstring's first line is the message people read, ``code`` is what programs
match on and never changes, ``status`` is the HTTP answer, and ``retryable`` says
whether the same work may succeed later.
"""

from typing import ClassVar


class SluiceError(Exception):
    """Something went wrong inside Sluice."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None) -> None:
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The title, followed by the detail where there is one."""
        title = self.title()
        return f"{title} {self.detail}" if self.detail else title

    @classmethod
    def title(cls) -> str:
        """The first line of the class docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


# --- Requests -----------------------------------------------------------------


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


class DatabaseAwayError(ServiceUnavailableError):
    """The database cannot be reached; try again shortly."""

    code = "database_unavailable"


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


# --- Documents ----------------------------------------------------------------


class DocumentError(SluiceError):
    """The document cannot be processed."""

    code = "document_error"
    status = 422


class DocumentDamagedError(DocumentError):
    """The file is damaged and cannot be read."""

    code = "document_damaged"


class DocumentEncryptedError(DocumentError):
    """The file is encrypted and needs a password."""

    code = "document_encrypted"


class NoExtractableTextError(DocumentError):
    """No text was found in the file."""

    code = "no_extractable_text"


class ParseLimitExceededError(DocumentError):
    """Reading the file took more time or memory than is allowed."""

    code = "parse_limit_exceeded"


class DocumentDeletedError(DocumentError):
    """The document was deleted."""

    code = "document_deleted"


class DisallowedByRobotsError(DocumentError):
    """The site's robots.txt asks crawlers not to read this page."""

    code = "disallowed_by_robots"


class ArchiveLimitError(DocumentError):
    """The archive holds more than is allowed."""

    code = "archive_limit_exceeded"


class ArchiveTooDeepError(DocumentError):
    """Archives lie in archives deeper than is allowed."""

    code = "archive_too_deep"


class EmptyArchiveError(DocumentError):
    """The archive holds no files."""

    code = "archive_empty"


class UnsafePathError(DocumentError):
    """The name of this file leads out of the archive."""

    code = "unsafe_path"


class FileMissingError(DocumentError):
    """The stored file is gone."""

    code = "file_missing"


# --- Web pages ----------------------------------------------------------------


class InvalidUrlError(InvalidRequestError):
    """The URL is not valid."""

    code = "invalid_url"


class UrlNotAllowedError(InvalidRequestError):
    """Pages are not read from this URL."""

    code = "url_not_allowed"


class PageNotAvailableError(DocumentError):
    """The page is not available."""

    code = "page_not_available"


class PageBusyError(DocumentError):
    """The page's server asks to come back later."""

    code = "page_busy"
    retryable = True


class PageUnreachableError(DocumentError):
    """The page could not be reached."""

    code = "page_unreachable"
    retryable = True


class ResponseTooLargeError(DocumentError):
    """The page is larger than the limit."""

    code = "response_too_large"


class TooManyRedirectsError(DocumentError):
    """The page redirects too often."""

    code = "too_many_redirects"


class UnsupportedCodingError(DocumentError):
    """The page is sent in a compression that was not asked for."""

    code = "unsupported_content_coding"


class PageServiceRefusedError(DocumentError):
    """The service that reads pages refused the request."""

    code = "page_service_refused"


class PageServiceAwayError(ServiceUnavailableError):
    """The service that reads pages cannot take the request now."""

    code = "page_service_unavailable"


# --- Tasks --------------------------------------------------------------------


class TaskTimeLimitError(SluiceError):
    """The task ran past its time limit."""

    code = "task_time_limit"


class TaskCrashedError(SluiceError):
    """The task's process died each time it was tried."""

    code = "task_crashed"


# --- Start-up -----------------------------------------------------------------


class PartDiedError(SluiceError):
    """A part of Sluice has died."""

    code = "part_died"


class StartupError(SluiceError):
    """Sluice cannot start."""

    code = "startup_failed"
