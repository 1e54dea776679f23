"""The parts of Markdown of which specifications consist. Text of sources is escaped: it cannot add links or HTML."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"([\\`*\[\]<>|]|(?<!\w)_|_(?!\w))")
_BLOCK = re.compile(r"^(?=[#~=+-])")
"""Where a line could begin a heading, a block of code, a rule or a list."""
_CODE = re.compile(r"``([^`]+)``|`([^`]+)`")


def plain(text: str) -> str:
    """Text that Markdown shows as it is, with what comments quote as code."""
    parts = _CODE.split(" ".join(text.split()))
    quoted = [code(first or second) for first, second in zip(parts[1::3], parts[2::3], strict=True)]
    shown = [_MARKUP.sub(r"\\\1", part) for part in parts[::3]]
    return _BLOCK.sub(r"\\", "".join(a + b for a, b in zip(shown, [*quoted, ""], strict=True)))


def code(text: str) -> str:
    """Text as code."""
    return f"`{' '.join(text.replace('`', chr(0x2BC)).split())}`"


def cite(path: str, line: int, end: int | None = None) -> str:
    """The place that shows a claim."""
    return f"({code(f'{path}:{line}' if end is None or end == line else f'{path}:{line}-{end}')})"


def section(title: str, lines: Iterable[str], *, level: int = 2) -> list[str]:
    """A heading and its lines; nothing if there are none."""
    body = list(lines)
    return [f"{'#' * level} {title}", "", *body, ""] if body else []


def bounded(lines: Sequence[str], most: int, noun: str = "more") -> list[str]:
    """The first lines of a list, and how many are left out."""
    return [*lines[:most], f"- … and {len(lines) - most} {noun}"] if len(lines) > most else list(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table; nothing if it has no rows. Cells may not contain line breaks."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *body] if body else []


def fence(language: str, lines: Iterable[str]) -> list[str]:
    """A block of code."""
    return [f"```{language}", *(line.replace("```", "'''") for line in lines), "```"]


def cut_lines(lines: Iterable[str], characters: int) -> tuple[str, bool]:
    """The lines as one text of at most so many characters, and whether some are left out. A block of code is closed."""
    kept, size, is_open = list[str](), 0, False
    for line in lines:
        size += len(line) + 1
        if size > characters:
            rest = ["```"] if is_open else []
            return "\n".join([*kept, *rest, "", "The rest is left out."]), True
        kept.append(line)
        is_open ^= line.startswith("```")
    return "\n".join(kept).rstrip() + "\n", False
