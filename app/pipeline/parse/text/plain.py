from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode_file
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.text.embedded_data import drop_embedded_data
from app.pipeline.text import cut


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """Text in any common encoding. Form feeds separate numbered pages.

    Raises:
        DocumentDamagedError: when it is not text.
    """
    parts = list(_cut_pages(decode_file(path)))
    last = max((number for number, text in parts if text.strip("\f\n")), default=1)
    report(last, last)
    return Parsed(
        [Page(number if last > 1 else None, drop_embedded_data(text)) for number, text in parts if number <= last]
    )


def _cut_pages(pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Texts with their page numbers. A long page is returned in parts, so that memory stays small."""
    number, rest = 1, ""
    for piece in pieces:
        *ended, rest = (rest + piece).split("\f")
        for text in ended:
            yield number, text
            number += 1
        *parts, rest = cut(rest)
        yield from ((number, part) for part in parts)
    yield number, rest
