"""Which elements of a page a reader does not see."""

import re

from lxml import etree

from app.pipeline.parse.web.names import words_of

_NEVER = {
    *("script", "style", "template", "head", "iframe", "object", "datalist", "audio", "video", "canvas"),
    *("rp", "rt", "rtc", "param", "annotation", "annotation-xml"),
}
_WITHOUT = {"noscript", "noframes"}
_INLINE = {"a", "b", "em", "font", "i", "img", "nobr", "s", "small", "span", "strong", "sub", "sup", "svg", "u"}
"""Only these are left out where ``aria-hidden`` is set: dialogs set it on the whole page behind them."""
_HIDING = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_CONSENT = re.compile(
    r"(?:(?:cookies?|gdpr|ccpa)[\s_-]?(?:banner|bar|consent|notice|notification|popup|modal|dialog|law|message"
    r"|overlay|wall|warning|alert|policy-banner|manager|settings|disclaimer|info-bar|toast)"
    r"|(?:^|[\s_-])consent[\s_-]?(?:banner|bar|popup|modal|dialog|overlay|wall|manager))"
    r"|onetrust|cybotcookiebot|usercentrics|didomi|cookieconsent|cookiebot|cookielaw|truste_|qc-cmp|cmp-?banner"
    r"|\bcc-(?:window|banner|dialog)\b|\bcc_banner|cky-consent|osano-cm|iubenda-cs|klaro",
    re.IGNORECASE,
)
_BUTTON = re.compile(r"\b(?:btn|button)\b|accept|agree|allow|close|dismiss", re.IGNORECASE)
_CONSENT_CHARACTERS = 3000
_MAX_NAME = 300
_PAGE = {"html", "body"}


def is_hidden(element: etree._Element, *, noscript: bool, consent: bool) -> bool:
    """Whether a reader does not see an element and all within it.

    Args:
        element: The element.
        noscript: Whether the text for browsers without scripts counts as seen.
        consent: Whether requests for consent to cookies count as seen.
    """
    name = element.tag
    if name == "template" and (element.get("shadowrootmode") or element.get("shadowmode")):
        return False
    if name in _NEVER or (name in _WITHOUT and not noscript) or (name == "dialog" and element.get("open") is None):
        return True
    if not element.attrib or name in _PAGE:
        return False
    return _is_marked_hidden(element, name) or (not consent and _asks_consent(element))


def _is_marked_hidden(element: etree._Element, name: str) -> bool:
    hidden = element.get("hidden")
    if hidden is not None and hidden.lower() != "until-found":
        return True
    return _is_styled_away(element) or (name in _INLINE and element.get("aria-hidden") == "true")


def _is_styled_away(element: etree._Element) -> bool:
    """Whether the style hides it. Wikipedia hides the source of a formula and shows a picture of it: that one stays."""
    style = element.get("style")
    return bool(style and _HIDING.search(style) and "mwe-math" not in words_of(element))


def _asks_consent(element: etree._Element) -> bool:
    """Whether an element asks for consent: it has such a name, little text, and a button."""
    names = words_of(element)
    if not names or len(names) > _MAX_NAME or not _CONSENT.search(names) or _holds_content(element):
        return False
    controls = element.iter("button", "input", "a")
    return any(item.tag != "a" or item.get("role") == "button" or _BUTTON.search(words_of(item)) for item in controls)


def _holds_content(element: etree._Element) -> bool:
    """Whether an element of such a name is the text of the page, such as a policy on cookies."""
    if element.tag in {"main", "article"} or next(element.iter("main", "article", "h1"), None) is not None:
        return True
    return sum(map(len, element.itertext())) > _CONSENT_CHARACTERS
