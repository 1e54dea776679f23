"""Markup nested deeper than libxml2 reads, made flat: tags beyond a depth are left out, their text stays."""

import re
from collections import Counter

_MAX_DEPTH = 500
"""libxml2 stops at 2,048; tables and lists get up to four levels from one tag, because others are implied."""
_TAG = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|template)\b[^>]*+(?:>|\Z).*?(?:</\1\s*>|\Z)"
    r"|<(/?)([a-zA-Z][^\s/>]*+)[^>]*+(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("basefont", "frame", "keygen"),
}
_IMPLIED = {"li", "p", "td", "th", "tr", "dt", "dd", "option", "tbody", "thead", "tfoot", "colgroup", "html", "body"}
"""Elements whose end tags may be missing. They do not count: each is within one that does."""
_INLINE = {"a", "b", "big", "em", "font", "i", "q", "s", "small", "span", "strong", "sub", "sup", "tt", "u"}


def flatten_nesting(text: str) -> str:
    """``text`` without the tags of elements that are nested too deep. Linear in its length."""
    pieces = list[str]()
    opened = list[str]()
    counts: Counter[str] = Counter()
    done = 0
    for match in _TAG.finditer(text):
        pieces.append(text[done : match.start()])
        done = match.end()
        name = (match[3] or "").lower()
        if not name or name in _VOID or match[0].endswith("/>"):
            pieces.append(match[0])
            continue
        ends_kept = bool(match[2]) and len(opened) == _MAX_DEPTH and counts[name] > 0
        if len(opened) < _MAX_DEPTH or ends_kept:
            pieces.append(match[0])
        elif name not in _INLINE:
            pieces.append("<br>")
        if name not in _IMPLIED:
            _count(opened, counts, name, ends=bool(match[2]))
    return "".join([*pieces, text[done:]])


def _count(opened: list[str], counts: Counter[str], name: str, *, ends: bool) -> None:
    """Open an element, or end it with all that is open within it."""
    if not ends:
        opened.append(name)
        counts[name] += 1
        return
    while counts[name]:
        last = opened.pop()
        counts[last] -= 1
        if last == name:
            return
