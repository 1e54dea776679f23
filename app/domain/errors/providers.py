"""What is wrong with a service that others run: embeddings, language models, vector stores."""

from app.domain.errors.base import SluiceError
from app.domain.errors.requests import ServiceUnavailableError


class RetryLaterError(ServiceUnavailableError):
    """That is not to be had yet.

    A task that meets this gives its slot back for ``retry_after`` seconds, and no attempt is counted.
    """

    code = "not_now"


class ProviderBusyError(RetryLaterError):
    """The provider takes no more requests for now."""

    code = "provider_busy"


class ProviderPausedError(RetryLaterError):
    """The provider is down, and is not asked before it may be up again."""

    code = "provider_paused"


class ProviderDownError(ServiceUnavailableError):
    """The provider cannot be reached, or fails."""

    code = "provider_down"


class ProviderCredentialsError(ServiceUnavailableError):
    """The provider refuses this installation's key or account, and will until somebody mends it."""

    code = "provider_credentials_rejected"


class ProviderRequestError(SluiceError):
    """The provider rejects this very request."""

    code = "provider_request_rejected"


class VectorLengthError(SluiceError):
    """The model's vectors are not as long as those of the index."""

    code = "vector_length_mismatch"
