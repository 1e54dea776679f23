"""Pictures and other files that are written into a text as base64 or as ``data:`` addresses: they are left out."""

import re

_DATA = r"data:[\w.+-]{1,100}/[\w.+-]{1,100}(?:;[\w.+=-]{1,100}){0,5},[^\s\"'`<>()\[\]{}]{48,}+"
_ADDRESS = re.compile(
    rf"^[ ]{{0,3}}\[[^\]\n]{{1,1000}}\]:[ \t]*<?{_DATA}[^\n]*\n?"  # the definition of a reference in Markdown
    rf"|(?<=\])\([ \t]*<?{_DATA}>?(?:[ \t]+[\"'][^\"'\n]{{0,1000}}[\"'])?[ \t]*\)"  # the target of a picture or link
    rf"|{_DATA}",
    re.MULTILINE | re.IGNORECASE,
)
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{1000,}+={0,2}")
_LINES = re.compile(r"^(?:[A-Za-z0-9+/]{60,80}\r?\n){20,}+(?:[A-Za-z0-9+/]{1,80}={0,2}$)?", re.MULTILINE)
_KINDS = (re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]"))
_SAMPLE = 2000


def drop_embedded_data(text: str) -> str:
    """``text`` without ``data:`` addresses, and without runs and blocks of base64. Linear in its length."""
    if "data:" in text or "DATA:" in text:
        text = _ADDRESS.sub("", text)
    text = _RUN.sub(_drop, text)
    return _LINES.sub(_drop, text)


def _drop(match: re.Match[str]) -> str:
    """Nothing in place of base64, which mixes letters of both cases and digits; other long runs stay, such as DNA."""
    sample = match[0][:_SAMPLE]
    return "" if all(kind.search(sample) for kind in _KINDS) else match[0]
