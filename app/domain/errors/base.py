"""The base class of every failure: a message, a stable code, an HTTP status, and whether a retry may succeed."""

from typing import ClassVar


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

    @classmethod
    def title(cls) -> str:
        """The first line of the class docstring."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]
