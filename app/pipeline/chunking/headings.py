"""Headings: those of text without marks, and the path of headings above a chunk, such as ``Guide > Installation``."""

import re
from collections.abc import Sequence

from app.domain.documents import Mark

_LINE = re.compile(r"^[^\n]*$", re.MULTILINE)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^`\n]*)$")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(?=[^\s#])")
_UNDERLINE = re.compile(r" {0,3}(={3,}|-{3,})[ \t]*$")
_NO_TITLE = re.compile(r"[ \t]*(?:[>|#=~`]|[-*+][ \t]|-{3}|\d{1,9}[.)][ \t]| {4}|\t)")
"""Lines that are no heading, although a line of hyphens follows: quotes, tables, list items, rules, code."""
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")
_INK = re.compile(r"\S")
_TITLE = 80
_JOINT = " > "


def find_headings(text: str) -> list[Mark]:
    """The headings of Markdown or plain text: lines after ``#`` signs, and lines of their own that are underlined.

    Front matter and code between fences have none. Linear in the length of the text.
    """
    if "#" not in text and "\n--" not in text and "\n==" not in text:
        return []
    found: list[Mark] = []
    fence, before, last = "", "", ""
    in_front = text.startswith("---\n")
    for match in _LINE.finditer(text, 4 if in_front else 0):
        line = match[0]
        if in_front:
            in_front = line.rstrip() not in {"---", "..."}
        elif fence:
            fence = "" if _closes(line, fence) else fence
        elif opening := _FENCE.match(line):
            fence = opening[1]
        elif atx := _ATX.match(line):
            found.append(Mark(match.start(), len(atx[1])))
        elif under := _UNDERLINE.match(line):
            if last.strip() and not before.strip() and not _NO_TITLE.match(last):
                found.append(Mark(match.start() - len(last) - 1, 1 if under[1][0] == "=" else 2))
        else:
            before, last = last, line
            continue
        before, last = "", ""
    return found


def _closes(line: str, fence: str) -> bool:
    closing = line.strip()
    return closing.startswith(fence) and not closing.strip(fence[0])


class HeadingPath:
    """The headings above each chunk of a document. They stay valid on the pages that follow."""

    def __init__(self) -> None:
        self._path: list[tuple[int, str]] = []
        self._text = ""
        self._marks: list[Mark] = []

    def open_page(self, text: str, marks: Sequence[Mark]) -> None:
        """Continue with the next page."""
        self._enter(len(self._text))
        self._text = text
        self._marks = [mark for mark in reversed(marks) if mark.level]

    def find(self, start: int) -> str:
        """The path above a chunk that begins at ``start``; starts must ascend.

        A heading with which the chunk begins is in its text, and not in the path.
        """
        self._enter(start)
        path = self._path
        if self._marks and not _INK.search(self._text, start, self._marks[-1].start):
            path = [heading for heading in path if heading[0] < self._marks[-1].level]
        return _JOINT.join(title for _, title in path)

    def _enter(self, end: int) -> None:
        """Add the headings that begin before ``end`` to the path; each ends those of its level and below."""
        while self._marks and self._marks[-1].start < end:
            mark = self._marks.pop()
            self._path = [heading for heading in self._path if heading[0] < mark.level]
            if title := _read_title(self._text, mark.start):
                self._path.append((mark.level, title))


def _read_title(text: str, start: int) -> str:
    """The heading that begins at ``start``, without signs of Markdown, shortened at a word."""
    end = text.find("\n", start)
    line = text[start : end if end >= 0 else len(text)]
    title = " ".join(_CLOSING.sub("", _ATX.sub("", line, count=1)).split())
    return title if len(title) <= _TITLE else title[: max(title.rfind(" ", 0, _TITLE), _TITLE // 2)] + "…"
