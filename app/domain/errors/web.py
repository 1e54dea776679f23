"""What is wrong with a web page, or with the way to it."""

from app.domain.errors.documents import DocumentError
from app.domain.errors.requests import InvalidRequestError, ServiceUnavailableError


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


class PageServiceUnavailableError(ServiceUnavailableError):
    """The service that reads pages cannot take the request now."""

    code = "page_service_unavailable"
