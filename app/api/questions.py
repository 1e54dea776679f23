"""Question sets in requests: JSON, lines of JSON, or a form with a file of such lines."""

import asyncio
import json
from typing import Any

from fastapi import Request

from app.api.multipart import read_form, stream_limited_body
from app.domain.errors import InvalidRequestError
from app.domain.questions import MOST_QUESTIONS, Question, read_lines, read_list

_NAME_CHARACTERS = 200
_EXAMPLE = {"question": "What is the maximum draught at the Alder Gate?", "documents": ["harbour.pdf"], "quotes": []}
_QUESTION = {
    "type": "object",
    "required": ["question"],
    "additionalProperties": False,
    "properties": {
        "question": {"type": "string", "description": "The question, at most 2,000 characters."},
        "documents": {
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "description": "The expected documents, each by its id (a number), its file name or its source URL.",
        },
        "quotes": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Texts that the results should contain. Case and white space do not matter.",
        },
        "answerable": {
            "type": "boolean",
            "default": True,
            "description": "Whether the documents answer the question. One with `false` expects nothing.",
        },
    },
    "example": _EXAMPLE,
}
_LIST = {"type": "array", "items": _QUESTION, "minItems": 1, "maxItems": MOST_QUESTIONS}
_NAME = {"type": "string", "description": "A name for people, at most 200 characters.", "example": "Harbour"}
_OBJECT = {"type": "object", "required": ["questions"], "properties": {"name": _NAME, "questions": _LIST}}
_LINES = {"type": "string", "description": "A question as JSON on each line.", "example": json.dumps(_EXAMPLE)}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": {"type": "string", "format": "binary", "description": "Lines of JSON."}, "name": _NAME},
}
QUESTIONS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [_OBJECT, _LIST]},
                "example": {"name": "Harbour", "questions": [_EXAMPLE]},
            },
            "application/x-ndjson": {"schema": _LINES},
            "multipart/form-data": {"schema": _FORM},
        },
    }
}
"""The OpenAPI description of the request."""


class _TextFile:
    """Receives the file of a form into memory, since the size of the body is limited."""

    def __init__(self) -> None:
        self.filename: str | None = None
        self.content = bytearray()

    async def begin(self, filename: str) -> None:
        """Accept one file only."""
        if self.filename is not None:
            raise InvalidRequestError("Send one file.", field="body.file")
        self.filename = filename

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        self.content += data


async def read_questions(request: Request, name: str | None) -> tuple[str, list[Question]]:
    """The name and the questions of a request. ``name`` is that of the query string, which the body's replaces.

    Raises:
        BadRequestError, InvalidRequestError, MissingFileError, PayloadTooLargeError
        InvalidQuestionsError: it names the lines that are wrong.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = stream_limited_body(request)
    if kind == "multipart/form-data":
        file = _TextFile()
        form = await read_form(request.headers["content-type"], body, file)
        if unknown := [field for field in form.fields if field != "name"]:
            raise InvalidRequestError("Is unknown. The fields are: file, name.", field=f"body.{unknown[0][:100]}")
        filename = (file.filename or "")[:_NAME_CHARACTERS].strip() or None
        named = _check_name(form.get("name") or name or filename)
        return named, await asyncio.to_thread(read_lines, _decode(bytes(file.content)))
    text = _decode(b"".join([data async for data in body]))
    # In a thread: a megabyte takes some tenths of a second.
    if kind == "application/json":
        return await asyncio.to_thread(_read_json, text, name)
    return _check_name(name), await asyncio.to_thread(read_lines, text)


def _read_json(body: str, name: str | None) -> tuple[str, list[Question]]:
    try:
        given: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(
            "Is not valid JSON. Send lines of JSON with the header `Content-Type: application/x-ndjson`.", field="body"
        ) from error
    if isinstance(given, list):
        return _check_name(name), read_list(given)
    if not isinstance(given, dict):
        raise InvalidRequestError("Must be a list of questions, or an object with `questions`.", field="body")
    if unknown := [field for field in given if field not in {"name", "questions"}]:
        raise InvalidRequestError("Is unknown. The fields are: name, questions.", field=f"body.{unknown[0][:100]}")
    if not isinstance(given.get("questions"), list):
        raise InvalidRequestError("Must be a list.", field="body.questions")
    return _check_name(given.get("name", name)), read_list(given["questions"])


def _check_name(name: Any) -> str:
    if name is None:
        return "questions"
    if not isinstance(name, str) or not name.strip() or len(name) > _NAME_CHARACTERS:
        raise InvalidRequestError(f"Must be text of 1 to {_NAME_CHARACTERS} characters.", field="body.name")
    return name.strip()


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequestError("Must be UTF-8.", field="body") from error
