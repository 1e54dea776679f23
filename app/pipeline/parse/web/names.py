"""The names that a page gives its elements, by which parts of usual kinds are recognised."""

import re

from lxml import etree

_NAVIGATION = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|submenu|breadcrumbs?|pagination|pager|sidebar|toc|skip-?links?"
    r"|social|share|sharing|tag-?cloud|footer)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NAVIGATION_ELEMENTS = {"nav", "footer", "menu", "aside"}
_NAVIGATION_ROLES = {"navigation", "menu", "menubar", "tablist", "contentinfo", "toolbar"}
_PLACES = {"div", "ul", "ol", "section", "header", "table", "td"}
_BESIDE = re.compile(
    r"related|recommend|teaser|promo|advert|sponsor|newsletter|subscri|signup|comment|disqus|share|social|byline|author|meta"
    r"|tags|caption|photo|credit|popular|trending|read-?more|more-|also|widget|embed|outbrain|taboola|banner|gallery|copyright"
    r"|(?:^|[\s_-])ads?(?:$|[\s_-])",
    re.IGNORECASE,
)
_MAX_NAME = 200


def words_of(element: etree._Element) -> str:
    """The class and the id of an element, separated by a space; empty where it has neither."""
    names = element.get("class"), element.get("id")
    return " ".join(name for name in names if name)


def is_navigation(element: etree._Element) -> bool:
    """Whether an element leads to other pages rather than holding the text of this one."""
    if element.tag in _NAVIGATION_ELEMENTS:
        return True
    if not element.attrib:
        return False
    if (element.get("role") or "").lower() in _NAVIGATION_ROLES:
        return True
    names = words_of(element) if element.tag in _PLACES else ""
    return bool(names) and len(names) <= _MAX_NAME and bool(_NAVIGATION.search(names))


def is_beside(element: etree._Element) -> bool:
    """Whether an element stands beside the text of an article rather than being part of it, by its names."""
    names = words_of(element)
    return element.tag in {"form", "figure", "button"} or bool(names and _BESIDE.search(names[:_MAX_NAME]))
