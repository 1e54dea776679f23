"""Live progress: bars on a terminal, one line per step elsewhere."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.cli.output import make_printable, say


class ProgressBoard:
    """Shows the progress of tasks."""

    def __init__(self, names: Mapping[str, str], *, shown: bool = True) -> None:
        """Set up for these tasks: display names by task id. A board that is not ``shown`` writes nothing."""
        self._names = names
        self._shown = shown
        self._width = max((len(name) for name in names.values()), default=0)
        self._live = shown and sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.fields[name]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._progress.start()
            for task_id, name in self._names.items():
                shown = escape(make_printable(name).ljust(self._width))
                self._bars[task_id] = self._progress.add_task("Waiting", total=100, name=shown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._progress.stop()

    def show(self, task_id: str, current: int, status: str) -> None:
        """Show a task's current step."""
        if self._live:
            self._progress.update(self._bars[task_id], completed=current, description=escape(make_printable(status)))
        elif self._shown:
            name = self._names[task_id].ljust(self._width)
            say(f"{name}  {current:>3}%  {status}")
