"""The visible part of what a language model writes: its text without the blocks in which it reasons.

Reasoning models write such blocks into their answers, unless their server separates them.
"""

_NAMES = ("think", "thinking", "thought", "reasoning", "reflection", "scratchpad")
_BLOCKS = (
    *((f"<{name}>", f"</{name}>") for name in _NAMES),
    ("[think]", "[/think]"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
_OPENERS = dict(_BLOCKS)
_CLOSERS = frozenset(_OPENERS.values())
_TAGS = (*_OPENERS, *_CLOSERS)
_LONGEST = max(map(len, _TAGS))


class VisibleText:
    """Removes blocks of reasoning from a text that arrives in pieces.

    A block that is never closed hides everything after its start. Some servers send only the closing tag; then all text
    before it was reasoning: ``restarts`` counts these cases, and the caller discards what it has received before.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self._rest = ""
        self._closer: str | None = None

    def feed(self, piece: str) -> str:
        """The text that is visible now. The start of a possible tag is held back."""
        self._rest += piece
        shown = ""
        while found := self._find_tag():
            place, tag = found
            if self._closer is None and tag in _OPENERS:
                shown += self._rest[:place]
                self._closer = _OPENERS[tag]
            elif self._closer is None:
                shown = ""
                self.restarts += 1
            else:
                self._closer = None
            self._rest = self._rest[place + len(tag) :]
        keep = self._count_held()
        if self._closer is None:
            shown += self._rest[: len(self._rest) - keep]
        self._rest = self._rest[len(self._rest) - keep :]
        return shown

    def end(self) -> str:
        """The text that was held back; none within a block that is not closed."""
        rest, self._rest = self._rest, ""
        return rest if self._closer is None else ""

    def _find_tag(self) -> tuple[int, str] | None:
        """The first tag that matters now and its place."""
        lower = self._rest.lower()
        wanted = _TAGS if self._closer is None else (self._closer,)
        found = [(place, tag) for tag in wanted if (place := lower.find(tag)) >= 0]
        return min(found, default=None)

    def _count_held(self) -> int:
        """The number of characters at the end that may be the start of a tag."""
        end = self._rest[-_LONGEST + 1 :].lower()
        return next((len(end) - at for at in range(len(end)) if any(tag.startswith(end[at:]) for tag in _TAGS)), 0)
