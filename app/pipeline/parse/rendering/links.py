"""Links as text: the words, then the address in parentheses."""

import re

_SCHEMES = re.compile(r"(?:https?|ftps?|mailto|tel|sftp|ssh|file|doi):", re.IGNORECASE)
_MAX_ADDRESS = 2000
_IGNORED = re.compile(r"[\s/]+")


def write_link(words: str, address: str | None) -> str:
    """``words (address)``; only the words where they contain the address.

    Addresses within the document, scripts and embedded data are left out, and so are addresses without a scheme:
    readers resolve those first where they know what they are relative to.
    """
    found = clean_address(address)
    if not _SCHEMES.match(found) or len(found) > _MAX_ADDRESS:
        return words
    shown = found
    if found.lower().startswith(("mailto:", "tel:")):
        person, mark, fields = found.partition(":")[2].partition("?")
        shown = f"{person.replace('%20', '')}{mark}{fields}"
    if not shown.strip("/") or _reduce(shown) in _reduce(words):
        return words
    return f"{words.rstrip()} ({shown})" if words.strip() else shown


def clean_address(address: str | None) -> str:
    """An address without line ends and tabs, its spaces as browsers send them (WHATWG URL, 4.4)."""
    return "".join((address or "").strip().splitlines()).replace("\t", "").replace(" ", "%20")


def _reduce(text: str) -> str:
    """The text as it is compared with an address: without scheme, ``www.``, spaces and slashes."""
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", text.strip().lower())
    return _IGNORED.sub("", bare.replace("%20", "").replace("https://", "").replace("http://", "").replace("www.", ""))
