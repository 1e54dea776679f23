"""Limits of requests a minute, and the headers that tell clients about them.

``RateLimit`` and ``RateLimit-Policy`` are those of the IETF draft draft-ietf-httpapi-ratelimit-headers.
"""

import math
import re
from collections.abc import Sequence

from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.access import read_id, read_path
from app.bootstrap import Services
from app.domain.errors import RateLimitedError
from app.domain.identity import Identity
from app.domain.limits import ORGANIZATION, RateStatus

_AGENT = re.compile(r"/api/v1/(?:agents|documents/agent)/([^/]+)(?:/|$)")
_WINDOW_SECONDS = 60


class RateLimitMiddleware:
    """Counts each request that has a valid key, and answers 429 when a limit is reached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count a request to the API; pass on everything else."""
        identity: Identity | None = scope["state"].get("identity") if scope["type"] == "http" else None
        if identity is None:
            await self._app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        states = await services.billing.rates.count(identity, _find_agent(scope, identity))
        if not states:
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["RateLimit-Policy"] = _describe_policies(states)
                headers["RateLimit"] = _describe_states(states)
            await send(message)

        refused = [state for state in states if state.refused]
        if not refused:
            await self._app(scope, receive, send_with_headers)
            return
        detail = f"The limit of the {refused[0].policy} is {refused[0].limit} a minute."
        error = RateLimitedError(detail, retry_after=max(state.reset for state in refused))
        await problems.respond_to(Request(scope), error)(scope, receive, send_with_headers)


def install(app: FastAPI) -> None:
    """Make ``app`` count requests. It must run behind the authentication."""
    app.add_middleware(RateLimitMiddleware)


def _find_agent(scope: Scope, identity: Identity) -> int:
    """The agent that the path names, unless it does not exist for the caller: its limit is not shown or used up."""
    found = _AGENT.match(read_path(scope))
    agent_id = read_id(found[1]) if found else None
    return agent_id if agent_id is not None and identity.access.includes_agent(agent_id) else ORGANIZATION


def _describe_policies(states: Sequence[RateStatus]) -> str:
    return ", ".join(f'"{state.policy}";q={state.limit};w={_WINDOW_SECONDS}' for state in states)


def _describe_states(states: Sequence[RateStatus]) -> str:
    return ", ".join(f'"{state.policy}";r={state.remaining};t={math.ceil(state.reset)}' for state in states)
