"""Why the application does not start, in a line."""

import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.errors import SluiceError


class StartupReasons:
    """ASGI middleware: tells the server an error's message where Starlette would tell its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_reason(message: Message) -> None:
            error = sys.exception()  # which Starlette handles while it sends
            if message["type"] == "lifespan.startup.failed" and isinstance(error, SluiceError):
                message["message"] = error.message
            await send(message)

        await self._app(scope, receive, send_reason)
