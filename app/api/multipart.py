"""A streaming reader of ``multipart/form-data``: file bytes are passed on while the rest still arrives."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from starlette.requests import ClientDisconnect, Request

from app.api.body_limit import lift_limit
from app.domain.errors import BadRequestError, InvalidRequestError, MissingFileError, PayloadTooLargeError

_FIELD_BYTES = 64 * 1024
_FIELDS = 64
"""Fields other than files, counting each repetition."""
_ALL_FIELDS_BYTES = 1024 * 1024
_HEADER_BYTES = 4096
"""Headers of one part."""
_OUTER_BYTES = 64 * 1024
"""Bytes before the first boundary and after the closing one, which are ignored."""
_BOUNDARY_CHARACTERS = 70
"""RFC 2046, 5.1.1."""
# What nearly all clients send. The complete grammar takes much longer to parse.
_USUAL_TYPE = re.compile(r"multipart/form-data; ?boundary=([A-Za-z0-9_-]+)")
_USUAL_DISPOSITION = re.compile(r'form-data; name="([^"\\]+)"(?:; filename="([^"\\]*)")?')
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_NAME_CHARSETS = {"utf-8", "iso-8859-1", "us-ascii"}
"""RFC 8187, 3.2.1 requires the first for ``filename*``; older clients send the second."""


@dataclass(slots=True)
class _Part:
    name: str
    filename: str | None
    value: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class Form:
    """The fields of a form other than its files."""

    fields: dict[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """A field's text."""
        return self.fields.get(name, default)


def _parse_disposition(disposition: str) -> _Part:
    if usual := _USUAL_DISPOSITION.fullmatch(disposition):
        return _Part(usual[1], None if usual[2] is None else _clean_filename(usual[2].strip()))
    message = Message()
    message["content-disposition"] = disposition
    try:
        name = message.get_param("name", header="content-disposition")
        filename = message.get_param("filename", header="content-disposition")
    except ValueError as error:
        raise BadRequestError("The header Content-Disposition of a part is malformed.") from error
    if not isinstance(name, str) or not name:
        raise BadRequestError("A part of the form has no name.")
    return _Part(name, None if filename is None else _clean_filename(_decode_filename(filename)))


def _decode_filename(filename: str | tuple[str | None, str | None, str]) -> str:
    """The text of the parameter: ``filename``, or ``filename*`` as charset, language and percent-decoded bytes."""
    if isinstance(filename, str):
        return filename.strip()
    charset, _, encoded = filename
    charset = (charset or "utf-8").lower()
    # The client's choice must not select any of Python's codecs: some fail in their own ways or are slow.
    if charset not in _NAME_CHARSETS:
        raise BadRequestError("The charset of filename* must be UTF-8.")
    return encoded.encode("latin-1", "replace").decode(charset, "replace").strip()


def _clean_filename(filename: str) -> str:
    """The last component of a filename that may be a path (POSIX or Windows), without control characters."""
    return _CONTROL_CHARACTERS.sub("", filename.replace("\\", "/").rsplit("/", 1)[-1])


class FileSink(Protocol):
    """Receives the files of a form, one after the other."""

    async def begin(self, filename: str) -> None:
        """Start a file. An error rejects the whole form."""

    async def write(self, data: bytes) -> None:
        """Append bytes to the current file."""


class _FormReader:
    """Collects the parser's callbacks. The caller empties ``pieces`` after every write to the parser.

    A piece is either the name of a file that begins, or bytes of the current file.
    """

    def __init__(self, boundary: str) -> None:
        self.form = Form()
        self.files = 0
        self.pieces: list[str | bytes] = []
        self.started = self.complete = False
        self._fields = self._fields_bytes = self._header_bytes = 0
        self._headers: dict[str, str] = {}
        self._name = self._value = b""
        self._part: _Part | None = None
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_end": self._on_end,
            },
        )

    def write(self, data: bytes) -> None:
        """Parse the next bytes.

        Raises:
            BadRequestError: the form is malformed.
            InvalidRequestError: it has too many fields.
            PayloadTooLargeError: a field or a header is too long.
        """
        try:
            self.parser.write(data)
        except FormParserError as error:
            if "header" in str(error) and "exceeded" in str(error):  # the parser's own limits of a part's headers
                raise PayloadTooLargeError("The headers of a part are too long or too many.") from error
            raise BadRequestError(f"The form is malformed: {error}") from error

    def _on_part_begin(self) -> None:
        self.started = True
        self._headers.clear()
        self._header_bytes = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._value += data[start:end]

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _HEADER_BYTES:
            raise PayloadTooLargeError(f"The headers of a part may have at most {_HEADER_BYTES} bytes.")

    def _on_header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", "replace")
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        self._part = _parse_disposition(self._headers.get("content-disposition", ""))
        if self._part.filename is not None:
            self.files += 1
            self.pieces.append(self._part.filename)
            return
        self._fields += 1  # also a repetition, of which the last one counts
        if self._fields > _FIELDS:
            raise InvalidRequestError(f"A form may have at most {_FIELDS} fields.")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part is None:
            return
        if part.filename is not None:
            self.pieces.append(data[start:end])
            return
        if len(part.value) + end - start > _FIELD_BYTES:
            raise PayloadTooLargeError(f"The field {part.name!r} is longer than {_FIELD_BYTES} bytes.")
        self._fields_bytes += end - start
        if self._fields_bytes > _ALL_FIELDS_BYTES:
            raise PayloadTooLargeError(f"The fields may have at most {_ALL_FIELDS_BYTES:,} bytes together.")
        part.value += data[start:end]

    def _on_part_end(self) -> None:
        part, self._part = self._part, None
        if part is not None and part.filename is None:
            self.form.fields[part.name] = part.value.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self.complete = True


async def read_form(
    content_type: str, body: AsyncIterator[bytes], sink: FileSink, *, requires_file: bool = True
) -> Form:
    """Read a form and pass its files to ``sink`` as they arrive.

    Raises:
        MissingFileError: the body is not a form, or the form contains no file and ``requires_file`` is true.
        BadRequestError: the form is malformed or incomplete.
        InvalidRequestError: the form has too many fields.
        PayloadTooLargeError: a field, the headers of a part, or what is outside of all parts are too long.
    """
    reader = _FormReader(_read_boundary(content_type))
    outer = 0
    async for data in body:
        outside = reader.complete
        if not outside:
            reader.write(data)
        if outside or not reader.started:
            outer += len(data)
            if outer > _OUTER_BYTES:
                raise PayloadTooLargeError("The body is too long before or after the parts of the form.")
        for piece in reader.pieces:
            await (sink.begin(piece) if isinstance(piece, str) else sink.write(piece))
        reader.pieces.clear()
    if not reader.complete:
        raise BadRequestError("The form ends before its closing boundary.")
    if requires_file and not reader.files:
        raise MissingFileError("Send it in a part with a filename.")
    return reader.form


def _read_boundary(content_type: str) -> str:
    usual = _USUAL_TYPE.fullmatch(content_type)
    boundary: object = usual[1] if usual else None
    if not usual:
        content = Message()
        content["content-type"] = content_type
        boundary = content.get_param("boundary") if content.get_content_type() == "multipart/form-data" else None
    if not isinstance(boundary, str):
        raise MissingFileError("Send it as multipart/form-data, in a part with a filename.")
    if len(boundary) > _BOUNDARY_CHARACTERS:
        raise BadRequestError(f"The form's boundary is longer than {_BOUNDARY_CHARACTERS} characters.")
    return boundary


async def drain(body: AsyncIterator[bytes], limit: int) -> None:
    """Read and discard up to ``limit`` more bytes, so that a client that is still sending receives its response."""
    dropped = 0
    async for data in body:
        dropped += len(data)
        if dropped > limit:
            return


async def stream_body(request: Request) -> AsyncIterator[bytes]:
    """The request's body as it arrives, without the limit of ordinary bodies: its reader has limits of its own.

    Raises:
        BadRequestError: the connection closed early.
    """
    lift_limit(request.scope)
    async for data in stream_limited_body(request):
        yield data


async def stream_limited_body(request: Request) -> AsyncIterator[bytes]:
    """The request's body as it arrives, within the limit of ordinary bodies.

    Raises:
        BadRequestError: the connection closed early.
        BodyTooLarge: the body exceeds the limit.
    """
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect:
        raise BadRequestError("The connection closed before the request was complete.") from None
