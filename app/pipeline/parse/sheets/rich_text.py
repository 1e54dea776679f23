"""The text of a cell in several runs, with superscripts and subscripts that change a value."""

from app.pipeline.parse.office.scripts import Script, Scripts

_KINDS: dict[str, Script] = {"superscript": "super", "subscript": "sub"}


class RichText:
    """Collects the pieces of a text: ``pieces`` is the list to add to."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._scripts: Scripts | None = None
        self._kind: Script | None = None
        self._start = 0

    def clear(self) -> None:
        """Begin another text."""
        self.pieces.clear()
        self._scripts = self._kind = None

    def raise_run(self, position: str) -> None:
        """Handle the ``vertAlign`` of the run that begins; other positions than those of scripts change nothing."""
        self._kind = _KINDS.get(position)
        self._start = len(self.pieces)

    def end_run(self) -> None:
        """Write the run that ends as a script, if it is one."""
        if self._kind is not None:
            self._scripts = self._scripts or Scripts()
            self._scripts.write(self.pieces, self._start, self._kind)
            self._kind = None
