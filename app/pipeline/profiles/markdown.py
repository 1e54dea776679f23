"""Pages that a page reader returns as Markdown: their lines, headings and links as HTML."""

import re
from html import escape

_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\(<?([^()\s<>]{1,2048})>?(?:\s[^()\n]{0,300})?\)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")


def write_html(text: str) -> str:
    """The page as HTML: a paragraph for each line. Pictures are left out."""
    return "".join(_write_line(line) for line in text.split("\n") if line.strip())


def _write_line(line: str) -> str:
    heading = _HEADING.match(line)
    name, line = ("h1", line[heading.end() :]) if heading else ("p", line)
    written, done = "", 0
    for link in _LINK.finditer(line):
        shown = "" if link[0].startswith("!") else f'<a href="{escape(link[2])}">{escape(link[1])}</a>'
        written += escape(line[done : link.start()]) + shown
        done = link.end()
    return f"<{name}>{written}{escape(line[done:])}</{name}>"
