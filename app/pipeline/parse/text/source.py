"""Source code, settings and data as text: unchanged, with indentation, but without files that are written into it."""

import re
from collections.abc import Callable
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.text.embedded_data import drop_embedded_data

_DECLARED = re.compile(rb"""coding[=:][ \t]*["']?([-\w.]{1,40})""")
"""The declarations of XML (``encoding="…"``) and Python (``coding: …``, PEP 263)."""
_DECLARED_WITHIN = 256


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """The text of a source file as one page.

    Raises:
        DocumentDamagedError: when it is not text.
    """
    data = path.read_bytes()
    declared = _DECLARED.search(data[:_DECLARED_WITHIN])
    text = decode(data, declared[1].decode("ascii", "ignore") if declared else None)
    report(1, 1)
    return Parsed([Page(None, drop_embedded_data(text))])
