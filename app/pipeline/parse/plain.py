from collections.abc import Callable
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """Text in any common encoding. Form feeds, where there are any, part numbered pages."""
    pages = decode(path.read_bytes()).rstrip("\f\n").split("\f")
    report(len(pages), len(pages))
    if len(pages) == 1:
        return Parsed([Page(None, pages[0])])
    return Parsed([Page(number, text) for number, text in enumerate(pages, 1)])
