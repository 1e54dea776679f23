"""What is wrong with a document. The task that meets it fails for good."""

from app.domain.errors.base import SluiceError


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


class DocumentSupersededError(DocumentError):
    """Another task has taken this document over."""

    code = "document_superseded"


class FileMissingError(DocumentError):
    """The stored file is gone."""

    code = "file_missing"
