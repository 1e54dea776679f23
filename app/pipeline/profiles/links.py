"""The further pages of a site that say more about its company: imprint, contact, about."""

import re
from collections.abc import Iterable
from typing import NamedTuple

_CATEGORIES = {
    "legal": (
        r"impressum|imprint|legal[-_ ]?(?:notice|info|mentions)|mentions[-_ ]?l[ée]gales|aviso[-_ ]?legal|"
        r"note[-_ ]?legali|colofon|特定商取引|会社概要|company[-_ /]?(?:info|profile)"
    ),
    "contact": r"kontakt|contact|contatt|contacto|contato|yhteys|お問い合わせ|联系|연락",
    "about": (
        r"about|[üu]e?ber[-_ ]?uns|unternehmen|wir[-_ ]?sind|qui[-_ ]sommes|quienes[-_ ]somos|qui[ée]nes|"
        r"chi[-_ ]siamo|over[-_ ]ons|om[-_ ]oss?|o[-_ ]n[aá]s|[aà][-_ ]propos|sobre[-_ ]n[oó]s|"
        r"azienda|empresa|company|会社|关于|회사"
    ),
}
_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _CATEGORIES.items())
_UNRELATED = re.compile(
    r"\.(?:pdf|zip|jpe?g|png|gif|svg|docx?|xlsx?|mp4)$|(?<![a-z])(?:log[-_]?in|sign[-_]?up|cart|blog|news|press|job|"
    r"career|karriere|datenschutz|privacy|cookie|terms|agb)|/tag/|/category/|/product",
    re.IGNORECASE,
)
_LONGEST_TEXT = 60
_OF_CATEGORY = 2


class PageLink(NamedTuple):
    """A link of a page: its address and its text."""

    url: str
    text: str


def find_category(path: str, text: str = "") -> str | None:
    """What a page is, by its path and by the text of links to it: ``legal``, ``contact`` or ``about``."""
    for name, pattern in _PATTERNS:
        if pattern.search(path) or (len(text) <= _LONGEST_TEXT and pattern.search(text)):
            return name
    return None


def choose_pages(links: Iterable[PageLink], limit: int) -> list[str]:
    """The addresses to read, one of each category first; shorter paths come before longer ones.

    Args:
        links: The links of the first page to its own site.
        limit: The largest number of pages.
    """
    found: dict[str, dict[str, int]] = {name: {} for name in _CATEGORIES}
    for link in links:
        path = re.sub(r"^https?://[^/]*", "", link.url)
        category = None if _UNRELATED.search(path) else find_category(path, link.text)
        if category:
            found[category].setdefault(link.url, path.count("/") * 100 + len(path))
    ordered = {name: sorted(urls, key=urls.__getitem__)[:_OF_CATEGORY] for name, urls in found.items()}
    rounds = (urls[number] for number in range(_OF_CATEGORY) for urls in ordered.values() if number < len(urls))
    return list(dict.fromkeys(rounds))[:limit]
