"""The reason for a failed start, in one line."""

import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import SluiceError


class StartupErrorMiddleware:
    """ASGI middleware that reports a failed start to the server with the error's message in place of its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; shorten the message of a failed start."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_message(message: Message) -> None:
            error = sys.exception()  # Starlette sends the message while it handles the exception
            if message["type"] == "lifespan.startup.failed" and isinstance(error, SluiceError):
                message["message"] = error.message
            await send(message)

        await self._app(scope, receive, send_message)
