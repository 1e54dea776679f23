"""Documents within documents, read as a part of the text around them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from app.domain.errors import StorageFullError, name_disk_error
from app.pipeline.parse.limits import Limits


def read_embedded(name: str, content: bytes, limits: Limits) -> str:
    """The text of a file within a document; empty where it is no document, is damaged or has no text.

    The document around it is readable, so errors of this one are no errors of that, and its files may take only a part
    of the time of that: they are read as documents of their own too. Files within the file are read to the depth that
    the limits allow. Pictures are not read.
    """
    if not limits.embedded_depth or time.monotonic() > limits.embedded_until:
        return ""
    try:
        with open_embedded(name, content) as (path, media_type):
            return read_file(path, media_type, limits)
    except Exception as error:  # also of libraries, and of memory: the file's own task reports it
        if isinstance(name_disk_error(error), StorageFullError):
            raise  # no fault of the file: another attempt reads it
        return ""


@contextmanager
def open_embedded(name: str, content: bytes) -> Iterator[tuple[Path, str]]:
    """The path and the media type of a file within a document, which is deleted at the end of the block.

    Raises:
        UnsupportedTypeError: when Sluice does not read content of its type.
    """
    from app.pipeline.detection.media_type import detect  # noqa: PLC0415, it imports readers

    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        yield path, detect(path, name)


def read_file(path: Path, media_type: str, limits: Limits) -> str:
    """The text of a file within a document, by the reader of its type.

    Raises:
        DocumentError: any of those of ``parse``.
        UnsupportedTypeError: when the type has no reader.
    """
    from app.pipeline.parse import parse  # noqa: PLC0415, it imports this module's users

    inner = replace(limits, embedded_depth=max(limits.embedded_depth - 1, 0), ocr_engine=None)
    return "\n\n".join(page.text for page in parse(path, media_type, limits=inner).pages)
