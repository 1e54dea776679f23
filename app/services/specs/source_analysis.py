"""Has the sandbox analyse the files of a repository, batch by batch, and names those that it cannot analyse."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.domain.errors import DocumentDamagedError, DocumentError
from app.domain.ports import Parser
from app.domain.specs import SOURCES
from app.pipeline.specs.bundle import Bundles
from app.pipeline.specs.facts import FileFacts, Repository, Skipped, strip_root

_TIME_IS_OVER = "the time for the analysis was over"
_MOST_FACTS = 200_000
"""Some hundred megabytes. A specification shows some thousands of them."""
_TOO_MANY = f"the repository has more than {_MOST_FACTS:,} definitions and imports"
_INVALID = (ValueError, TypeError, KeyError, AttributeError)


class SourceAnalysis:
    """Analyses repositories.

    Args:
        parser: The sandbox.
        seconds: The time after which no further batch begins.
    """

    def __init__(self, parser: Parser, seconds: float) -> None:
        self._parser = parser
        self._seconds = seconds

    async def analyse(
        self, bundles: Bundles, name: str, on_done: Callable[[int], Awaitable[None]]
    ) -> tuple[Repository, str]:
        """The facts of all files, and the folder that contains them in the archive.

        A batch that fails is halved until the file at fault is alone.

        Args:
            bundles: The files.
            name: The repository's name.
            on_done: Called with the number of files that are analysed.

        Raises:
            ParserKilledError, RetryLaterError: the files are not at fault.
        """
        facts, waiting, until = list[FileFacts](), list(reversed(bundles.files)), time.monotonic() + self._seconds
        room = _MOST_FACTS
        while waiting:
            path = waiting.pop()
            if time.monotonic() > until:
                bundles.skipped += [Skipped(member, _TIME_IS_OVER) for member in bundles.files[path]]
                continue
            try:
                for one in await self._analyse_bundle(path, bundles.files[path]):
                    room -= one.count()
                    facts.append(one if room >= 0 else one.without_facts(_TOO_MANY))
            except DocumentError as error:
                if error.retryable:
                    raise
                halves = bundles.split(path)
                waiting += reversed(halves)
                if not halves:
                    bundles.skipped.append(Skipped(bundles.files[path][0], error.detail or error.message))
            await on_done(len(facts))
        root, files, skipped = strip_root(facts, bundles.skipped)
        return Repository(name, sorted(files, key=lambda file: file.path), skipped), root

    async def _analyse_bundle(self, path: Path, members: list[str]) -> list[FileFacts]:
        """The facts of the files of one bundle, as a sandbox child returns them.

        Raises:
            DocumentDamagedError: when a hostile file has made it return something else.
        """
        parsed = await self._parser.parse(path, SOURCES)
        try:
            facts = [FileFacts.from_json(given) for given in parsed.metadata["files"]]
        except _INVALID as error:
            raise DocumentDamagedError("The analysis returned an invalid answer.") from error
        if [file.path for file in facts] != members:
            raise DocumentDamagedError("The analysis returned the facts of other files.")
        return facts
