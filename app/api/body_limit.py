"""The size limit of request bodies: 1 MB, unless the route reads a stream and has limits of its own."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.domain.errors import PayloadTooLargeError

MAX_BODY_BYTES = 1024 * 1024


class BodyTooLarge(HTTPException):
    """The body exceeds the limit. FastAPI passes on an HTTPException that reading the body raises, and no other."""

    def __init__(self) -> None:
        super().__init__(413, f"The body may have at most {MAX_BODY_BYTES:,} bytes.")


class LimitedBody:
    """The body of a request, counted while the application reads it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._size = 0
        self._limited = True

    def lift(self) -> None:
        """Remove the limit: the caller has limits of its own."""
        self._limited = False

    async def receive(self) -> Message:
        """The next message of the request.

        Raises:
            BodyTooLarge: the body exceeds the limit. A length in the headers is checked before the body is read.
        """
        if self._limited and not self._size and _read_length(self._scope) > MAX_BODY_BYTES:
            raise BodyTooLarge
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._limited and self._size > MAX_BODY_BYTES:
                raise BodyTooLarge
        return message


class BodyLimitMiddleware:
    """ASGI middleware that answers 413 to a body over the limit. It runs behind authentication."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = scope["state"]["body"] = LimitedBody(scope, receive)
        try:
            await self._app(scope, body.receive, send)
        except BodyTooLarge as error:  # raised to a middleware; one that a route meets is answered there
            response = problems.respond_to(Request(scope), PayloadTooLargeError(error.detail))
            await response(scope, receive, send)


def lift_limit(scope: Scope) -> None:
    """Remove the limit of this request's body: the caller bounds what it reads."""
    body: LimitedBody | None = scope["state"].get("body")
    if body:
        body.lift()


def _read_length(scope: Scope) -> int:
    """The length that the headers state; 0 if they state none. The server has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
