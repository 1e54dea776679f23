"""The code blocks of the pages for users: README.md and docs/."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: its language, and its text."""

    language: str
    text: str


def list_blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    return [Block(language, text) for language, text in _FENCE.findall(page.read_text())]


def read_commands(page: Path) -> str:
    """The blocks marked ``bash``, as one script."""
    return "".join(block.text for block in list_blocks(page) if block.language == "bash")


def strip_blocks(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", page.read_text())
