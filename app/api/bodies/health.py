"""Bodies of responses of the health checks."""

from typing import Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import example


class Liveness(BaseModel):
    """The process runs."""

    model_config = example({"status": "ok"})

    status: Literal["ok"] = Field("ok", description="Always `ok`.")


class Readiness(BaseModel):
    """Whether this process can serve requests."""

    model_config = example({"status": "ready", "down": [], "checks": {"database": "ok", "broker": "ok"}, "workers": 4})

    status: Literal["ready", "degraded", "not ready"] = Field(
        description="`degraded`: a provider is down, and the work that needs it waits."
    )
    down: list[str] = Field(description="The parts that are down.")
    checks: dict[str, str] = Field(description="What each check found, by part.")
    workers: int = Field(description="The number of workers with a valid lease.")


class Version(BaseModel):
    """The version of the server."""

    model_config = example({"name": "sluice", "version": "0.1.0"})

    name: str = Field("sluice", description="Always `sluice`.")
    version: str = Field(description="The version, in the form of Semantic Versioning.")
