"""The parts of the suite: where pytest-xdist has processes share it, each part runs in one of them."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Their files share one running stack, or one ledger.
_WHOLE = {"api", "flows", "ledger"}
# What takes longest starts first, lest one process be left alone with it at the end.
_LONGEST = ("system", "chaos", "cli", "flows", "api")


class PartScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands out part after part, in the order of the collection, to whichever process is about to be idle."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        folder = _name_folder(path)
        return folder if folder in _WHOLE else str(path)


def order(items: list[pytest.Item]) -> None:
    """Put the longest parts first."""
    ranks = {folder: rank for rank, folder in enumerate(_LONGEST)}
    items.sort(key=lambda item: ranks.get(_name_folder(PurePosixPath(item.nodeid.partition("::")[0])), len(ranks)))


def _name_folder(path: PurePosixPath) -> str:
    return path.parts[1]  # below tests
