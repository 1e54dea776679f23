"""Query parameters of lists."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of items.")]
AfterId = Annotated[int | None, Query(ge=0, description="The `next` cursor of the previous page.")]
AfterTask = Annotated[UUID | None, Query(description="The `next` cursor of the previous page.")]
