"""The document properties of compound files: title, author, subject and keywords ([MS-OLEPS])."""

import struct
from collections.abc import Iterator

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.detection.compound_file import CompoundFile

_STREAM = "\x05SummaryInformation"
_MOST_BYTES = 1024 * 1024
_NAMES = {2: "title", 3: "subject", 4: "author", 5: "keywords"}
_CODE_PAGE = 1
_MOST_PROPERTIES = 100
_NARROW, _WIDE, _SHORT = 30, 31, 2
_UTF_16 = 1200


def read_properties(compound: CompoundFile) -> dict[str, str]:
    """The properties that can be read; a damaged stream has none."""
    try:
        return dict(_read(compound.read(_STREAM, _MOST_BYTES)))
    except (DocumentDamagedError, ParseLimitExceededError, struct.error, LookupError, UnicodeError):
        return {}


def _read(data: bytes) -> Iterator[tuple[str, str]]:
    (start,) = struct.unpack_from("<I", data, 44)
    _, count = struct.unpack_from("<II", data, start)
    places = dict(struct.iter_unpack("<II", data[start + 8 : start + 8 + 8 * min(count, _MOST_PROPERTIES)]))
    encoding = "cp1252"
    if _CODE_PAGE in places:
        kind, page = struct.unpack_from("<HxxH", data, start + places[_CODE_PAGE])
        encoding = "utf-16-le" if page == _UTF_16 else f"cp{page}" if kind == _SHORT else encoding
    for number, name in _NAMES.items():
        if number not in places:
            continue
        kind, length = struct.unpack_from("<HxxI", data, start + places[number])
        at = start + places[number] + 8
        if kind in {_NARROW, _WIDE}:
            raw = data[at : at + (2 * length if kind == _WIDE else length)]
            value = raw.decode("utf-16-le" if kind == _WIDE else encoding, "replace").split("\0")[0].strip()
            if value:
                yield name, value
