"""The base class of every failure: a message, a stable code, an HTTP status, and whether a retry may succeed."""

from collections.abc import Mapping
from typing import Any, ClassVar


class SluiceError(Exception):
    """Internal error."""

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

    @property
    def members(self) -> Mapping[str, Any]:
        """Further members of the HTTP response, such as the supported types (RFC 9457, section 3.2)."""
        return {}

    @classmethod
    def title(cls) -> str:
        """The first line of the class docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]
