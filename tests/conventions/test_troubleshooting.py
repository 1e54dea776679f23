"""The messages that docs/troubleshooting.md starts from are those that the code prints."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SOURCES = [*(_ROOT / "app").rglob("*.py"), *(_ROOT / name for name in ("Makefile", "sluice", "main.py"))]
_OF_OTHERS = {"must be a string", "/usr/bin/env: make: No such file"}
"""Messages of other programs."""


def _list_quoted() -> list[str]:
    """The messages in the first column: texts of several words in backticks."""
    rows = re.findall(r"^\| (.+?) \| .+ \| .+ \|$", (_ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    quoted = [(double or single).strip() for row in rows for double, single in re.findall(r"``(.+?)``|`([^`]+)`", row)]
    return [text for text in quoted if text.count(" ") > 1 and text not in _OF_OTHERS]


def _read_messages() -> str:
    """The sources, with the parts of long texts joined as Python joins them, and without escapes."""
    text = "\n".join(path.read_text() for path in _SOURCES)
    return re.sub(r'"\s*\n\s*f?"', "", text).replace("\\", "")


def test_every_quoted_message_is_one_of_the_code() -> None:
    messages, quoted = _read_messages(), _list_quoted()
    missing = [text for text in quoted if not all(part in messages for part in re.split(r"\s*…\s*", text) if part)]
    assert quoted
    assert missing == []
