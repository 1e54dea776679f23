"""Failures of providers: the remote services for embeddings, answers and vectors."""

from app.domain.errors.base import SluiceError
from app.domain.errors.requests import ServiceUnavailableError


class RetryLaterError(ServiceUnavailableError):
    """Temporarily unavailable.

    The task leaves its slot for ``retry_after`` seconds. No attempt is counted.
    """

    code = "not_now"


class ProviderBusyError(RetryLaterError):
    """The provider's rate limit is reached."""

    code = "provider_busy"


class ProviderPausedError(RetryLaterError):
    """The provider is down. Requests to it are paused."""

    code = "provider_paused"


class ProviderDownError(ServiceUnavailableError):
    """The provider is unreachable or failing."""

    code = "provider_down"


class ProviderCredentialsError(ServiceUnavailableError):
    """The provider rejected the API key or account of this installation. Check the provider's settings."""

    code = "provider_credentials_rejected"


class ProviderRequestError(SluiceError):
    """The provider rejected the content of this request. Sending it again does not help."""

    code = "provider_request_rejected"


class ProviderContextError(ProviderRequestError):
    """The request is longer than the language model's context."""

    code = "provider_context_exceeded"


class ProviderRefusedError(ProviderRequestError):
    """The language model refused to answer."""

    code = "provider_refused"


class ProviderFilteredError(ProviderRequestError):
    """The provider's content filter withheld the answer."""

    code = "provider_content_filtered"


class VectorLengthError(SluiceError):
    """The model's vectors differ in length from those of the index."""

    code = "vector_length_mismatch"
