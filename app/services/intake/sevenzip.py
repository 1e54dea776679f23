"""7-Zip archives, which the sandbox unpacks: the memory that their library takes is not bounded."""

from pathlib import Path

from app.domain.counting import count_of
from app.domain.errors import ArchiveLimitError, ParseLimitExceededError
from app.domain.media import SEVENZIP
from app.domain.ports import Parser
from app.pipeline.archives.formats import UnpackedFile, list_unpacked


async def unpack_sevenzip(parser: Parser, path: Path, *, max_entries: int) -> list[UnpackedFile]:
    """The files of a 7-Zip archive, as ``parser``, the sandbox, unpacks them.

    Raises:
        ArchiveLimitError: when there are more than ``max_entries``, or when they are too large.
    """
    try:
        files = list_unpacked(await parser.parse(path, SEVENZIP))
    except ParseLimitExceededError as error:
        raise ArchiveLimitError(error.detail) from error
    if len(files) > max_entries:
        raise ArchiveLimitError(f"It contains {count_of(len(files), 'file')}; the limit is {max_entries}.")
    return files
