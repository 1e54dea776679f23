"""Programs, settings and data in text form: kept as they are written, indentation and all."""

import re
from collections.abc import Callable
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits

_DECLARED = re.compile(rb"""coding[=:][ \t]*["']?([-\w.]{1,40})""")
"""As XML (``encoding="…"``) and Python (``coding: …``, PEP 263) declare it."""
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
    return Parsed([Page(None, text)])
