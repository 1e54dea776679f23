"""Failures caused by a document. The task fails for good unless the class is retryable."""

from app.domain.errors.base import SluiceError


class DocumentError(SluiceError):
    """The document cannot be processed."""

    code = "document_error"
    status = 422


class DocumentDamagedError(DocumentError):
    """The file is damaged and cannot be read."""

    code = "document_damaged"


class DocumentEncryptedError(DocumentError):
    """The file is encrypted. Remove its password, then upload it again."""

    code = "document_encrypted"


class NoExtractableTextError(DocumentError):
    """The file contains no extractable text."""

    code = "no_extractable_text"


class NoSourceFilesError(DocumentError):
    """The archive contains no source files."""

    code = "no_source_files"


class InvalidListError(DocumentError):
    """The file cannot be read as a list."""

    code = "list_invalid"


class ParseLimitExceededError(DocumentError):
    """The file exceeds a limit for reading documents."""

    code = "parse_limit_exceeded"


class DocumentDeletedError(DocumentError):
    """The document was deleted."""

    code = "document_deleted"


class DisallowedByRobotsError(DocumentError):
    """The site's robots.txt disallows reading this page."""

    code = "disallowed_by_robots"


class ArchiveLimitError(DocumentError):
    """The archive exceeds a limit."""

    code = "archive_limit_exceeded"


class ArchiveTooDeepError(DocumentError):
    """The archive contains too many levels of nested archives."""

    code = "archive_too_deep"


class EmptyArchiveError(DocumentError):
    """The archive contains no files."""

    code = "archive_empty"


class UnsafePathError(DocumentError):
    """The path of this archive entry leads outside the archive."""

    code = "unsafe_path"


class SpecialFileError(DocumentError):
    """This archive entry is a link, a device or a pipe, and not a file."""

    code = "special_file"


class DocumentSupersededError(DocumentError):
    """A newer task has replaced this one for the document."""

    code = "document_superseded"


class FileMissingError(DocumentError):
    """The stored file is missing."""

    code = "file_missing"
