"""Sluice's command line with kill points: ``python -m tests.system.mortal worker high``.

The product has no code for this. Before the command line runs, and so before any fork, each call
that ``kill_points`` names is wrapped. A point is armed by a file of its name in the folder that ``KILL_POINTS``
names; the process that succeeds in removing the file kills itself, so that exactly one dies.
"""

import asyncio
import functools
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cli import main
from tests.system.kill_points import POINTS, Moment, Point

_AFTER = {Moment.AFTER, Moment.AFTER_SOME, Moment.AFTER_RING}
_LOOK_SECONDS = 0.02


class Blow:
    """The wrapper at one point."""

    def __init__(self, moment: Moment, armed: Path) -> None:
        self._moment = moment
        self._armed = armed

    def before(self) -> None:
        """Called before each call."""
        if self._moment is Moment.BEFORE and self._disarm():
            _die()
        if self._moment is Moment.INSTEAD and self._disarm():
            raise OSError("made for a test")

    async def before_awaited(self) -> None:
        """The same for calls that are awaited."""
        while self._moment is Moment.HELD and self._armed.exists():  # noqa: ASYNC110 - another process removes it
            await asyncio.sleep(_LOOK_SECONDS)
        self.before()

    def after(self, result: Any) -> None:
        """Called with the result of each call."""
        if self._moment in _AFTER and (result or self._moment is Moment.AFTER) and self._disarm():
            _die()

    async def after_awaited(self, result: Any, arguments: tuple[Any, ...]) -> None:
        """The same for calls that are awaited."""
        if self._moment is Moment.AFTER_RING and self._armed.exists():
            await arguments[0]._admission.settle()
        self.after(result)

    def _disarm(self) -> bool:
        try:
            self._armed.unlink()
        except FileNotFoundError:
            return False
        return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wrap(point: Point, armed: Path) -> None:
    """Wrap the call at the point, in this process and those it forks."""
    owner, name = _locate(point.target)
    original: Callable[..., Any] = getattr(owner, name)
    blow = Blow(point.moment, armed)

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        blow.before()
        result = original(*args, **kwargs)
        blow.after(result)
        return result

    @functools.wraps(original)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        await blow.before_awaited()
        result = await original(*args, **kwargs)
        await blow.after_awaited(result, args)
        return result

    setattr(owner, name, awaited if inspect.iscoroutinefunction(original) else called)


def _locate(target: str) -> tuple[Any, str]:
    """The module or class that holds a call, and the call's name there."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    return functools.reduce(getattr, owners, importlib.import_module(module)), name


if __name__ == "__main__":
    for title, point in POINTS[sys.argv[1]].items():
        wrap(point, Path(os.environ["KILL_POINTS"]) / title)
    main()
