"""The types of events in the OpenAPI document: what webhooks receive."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from app.api.bodies.event_data import KINDS
from app.api.bodies.events import EVENT_MODELS

_RESPONSES: dict[int | str, dict[str, Any]] = {
    "2XX": {"description": "The event was received."},
    "default": {"description": "Any other response, or none in time: the event is sent again later."},
}


def install(app: FastAPI) -> None:
    """Add a webhook for each type of event."""
    for kind, model in EVENT_MODELS.items():
        app.webhooks.add_api_route(
            kind.value,
            _make_receiver(model),
            methods=["POST"],
            operation_id=f"receive_{kind.value.replace('.', '_')}",
            tags=["events"],
            summary=KINDS[kind].description.partition(".")[0] + ".",
            description=KINDS[kind].description,
            status_code=204,
            response_description="The event was received.",
            responses=_RESPONSES,
        )


def _make_receiver(model: type[BaseModel]) -> Any:
    """Make a function whose parameter is the body; it never runs."""

    async def receive(body: Any) -> None:
        """Describe a request of Sluice to a client."""

    receive.__annotations__["body"] = model
    return receive
