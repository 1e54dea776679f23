"""The addresses that the links of a page lead to, as text."""

from urllib.parse import urljoin, urlsplit

from lxml import etree

from app.pipeline.parse.rendering.links import clean_address, write_link
from app.pipeline.parse.web.flow import ADDRESS

_PERMALINKS = {"¶", "#", "§", "🔗", "⚓", "¤", "∞"}
_MAX_REFERENCE = 2000


def find_base(tree: etree._Element, address: str | None) -> str | None:
    """The address that the references of a page are relative to; None where neither caller nor page states one."""
    own = address or _find_canonical(tree)
    stated = next((base.get("href") for base in tree.iter("base") if base.get("href")), None)
    return _join(own, stated) if stated else own


def resolve(base: str | None, reference: str | None) -> str | None:
    """The address of a reference; None for parts of the same page, and for relative ones where no base is known."""
    reference = clean_address(reference)
    if not reference or reference.startswith("#") or len(reference) > _MAX_REFERENCE:
        return None
    found = _join(base, reference)
    return None if found is None or (base and found.partition("#")[0] == base and "#" in found) else found


def address_after(words: str, address: str | None) -> str:
    """The address that follows the words of a link, unless the words contain it."""
    kept = words.rstrip()
    added = write_link(kept, address)[len(kept) :] if kept.strip() else ""
    return f"{ADDRESS}{added}{ADDRESS}" if added else ""


def is_permalink(words: str, reference: str | None) -> bool:
    """Whether a link is only the sign beside a heading that leads to the heading itself."""
    return words.strip() in _PERMALINKS and "#" in (reference or "")


def _find_canonical(tree: etree._Element) -> str | None:
    links = (link.get("href") for link in tree.iter("link") if (link.get("rel") or "").lower() == "canonical")
    metas = (meta.get("content") for meta in tree.iter("meta") if meta.get("property") == "og:url")
    return next((found for found in (*links, *metas) if found and found.startswith(("http://", "https://"))), None)


def _join(base: str | None, reference: str) -> str | None:
    try:
        found = urljoin(base or "", reference.strip())
        urlsplit(found)
    except ValueError:
        return None
    if found.startswith("//"):
        return f"https:{found}"
    return found if ":" in found.partition("/")[0] else None
