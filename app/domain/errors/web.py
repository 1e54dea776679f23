"""Failures of reading a web page."""

from app.domain.errors.base import SluiceError
from app.domain.errors.documents import DocumentError
from app.domain.errors.requests import InvalidRequestError, ServiceUnavailableError


class InvalidUrlError(InvalidRequestError):
    """The URL is invalid."""

    code = "invalid_url"


class UrlNotAllowedError(InvalidRequestError):
    """Requests to this URL are not allowed."""

    code = "url_not_allowed"


class UnknownRepositoryError(InvalidRequestError):
    """This is not the URL of a repository's archive."""

    code = "unknown_repository"


class PageNotAvailableError(DocumentError):
    """The page is not available."""

    code = "page_not_available"

    def __init__(self, detail: str | None = None, *, is_gone: bool = False) -> None:
        """``is_gone`` says that the server has no such page, rather than that it refuses to show it."""
        super().__init__(detail)
        self.is_gone = is_gone


class PageBusyError(DocumentError):
    """The page's server limits requests."""

    code = "page_busy"
    retryable = True


class PageUnreachableError(DocumentError):
    """The page's server is unreachable or failing."""

    code = "page_unreachable"
    retryable = True


class ResponseTooLargeError(DocumentError):
    """The page exceeds the size limit."""

    code = "response_too_large"


class TooManyRedirectsError(DocumentError):
    """The page redirects too many times."""

    code = "too_many_redirects"


class UnsupportedCodingError(DocumentError):
    """The page's content encoding is not supported."""

    code = "unsupported_content_coding"


class DeliveryFailedError(SluiceError):
    """The webhook could not be delivered. All attempts failed."""

    code = "delivery_failed"


class PageServiceRefusedError(DocumentError):
    """The page reading service rejected this request. Check its key and account, and the URL."""

    code = "page_service_refused"


class PageServiceUnavailableError(ServiceUnavailableError):
    """The page reading service is unavailable or busy."""

    code = "page_service_unavailable"
