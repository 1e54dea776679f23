"""Documents within documents, read as a part of the text around them."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from app.pipeline.parse.limits import Limits


def read_embedded(name: str, content: bytes, limits: Limits) -> str:
    """The text of a file within a document; empty where it is no document, is damaged or has no text.

    The document around it is readable, so errors of this one are no errors of that, and its files may take only a part
    of the time of that: they are read as documents of their own too. Files within the file are read to the depth that
    the limits allow. Pictures are not read.
    """
    from app.pipeline.media_type import detect  # noqa: PLC0415, it imports readers
    from app.pipeline.parse import parse  # noqa: PLC0415, it imports this module's users

    if not limits.embedded_depth or time.monotonic() > limits.embedded_until:
        return ""
    inner = replace(limits, embedded_depth=limits.embedded_depth - 1, ocr_engine=None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        try:
            return "\n\n".join(page.text for page in parse(path, detect(path, name), limits=inner).pages)
        except Exception:  # noqa: BLE001, also of libraries, and of memory: the file's own task reports it
            return ""
