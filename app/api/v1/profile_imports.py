"""The route that imports lists of customer profiles."""

import asyncio
from pathlib import Path

from fastapi import APIRouter, Request

from app.api.access import ServicesOf, Writer
from app.api.bodies.profile_imports import ProfileImportResult, describe_import_body
from app.api.multipart import read_form, stream_body
from app.api.problems import RESPONSES, document_problems
from app.api.v1.agents import AgentId
from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    InvalidListError,
    InvalidRequestError,
    MissingFileError,
    ParseLimitExceededError,
    PayloadTooLargeError,
)
from app.temporary_folders import TemporaryFolder

router = APIRouter(tags=["profiles"], responses=RESPONSES)

_BYTES = 8 * 1024 * 1024
_PROBLEMS = document_problems(
    DocumentDamagedError,
    DocumentEncryptedError,
    InvalidListError,
    MissingFileError,
    ParseLimitExceededError,
    PayloadTooLargeError,
)


class _ListFile:
    """Receives a list into a local file. It ends with an empty name: the list is recognised by its content."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content = bytearray()
        self._filename: str | None = None

    async def begin(self, filename: str) -> None:
        """Accept one file only."""
        if self._filename is not None:
            raise InvalidRequestError("Send one file.", field="body.file")
        self._filename = filename

    async def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            PayloadTooLargeError
        """
        self._content += data
        if len(self._content) > _BYTES:
            raise PayloadTooLargeError(f"The list may have at most {_BYTES:,} bytes. Split it.")

    async def save(self) -> Path:
        """Write the file."""
        await asyncio.to_thread(self._path.write_bytes, self._content)
        return self._path


@router.post("/agents/{agent_id}/profiles/import", responses=_PROBLEMS, openapi_extra=describe_import_body())
async def import_profiles(
    agent_id: AgentId, request: Request, identity: Writer, services: ServicesOf
) -> ProfileImportResult:
    """Create many customer profiles from a list: JSON, CSV, or a workbook.

    The list is the body or the `file` of a form, at most 5,000 rows and 8 MB. A row of a company that the agent has
    already, by its website or else by its name, changes that profile. A row that is wrong is named in `errors` and
    stops no other. Enrich the profiles with `POST /agents/{id}/profiles/enrich`.
    """
    content_type = request.headers.get("content-type", "")
    with TemporaryFolder() as folder:
        file = _ListFile(folder / "list")
        if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
            form = await read_form(content_type, stream_body(request), file)
            if form.fields:
                unknown = next(iter(form.fields))[:100]
                raise InvalidRequestError("Is unknown. The only field is: file.", field=f"body.{unknown}")
        else:
            async for data in stream_body(request):
                await file.write(data)
        result = await services.profiles.imports.run(identity.access, agent_id, await file.save())
    return ProfileImportResult.model_validate(result, from_attributes=True)
