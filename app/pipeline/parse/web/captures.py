"""Elements within a line whose text is changed at their end: links, superscripts, struck text, abbreviations."""

from lxml import etree

from app.pipeline.parse.web import inline
from app.pipeline.parse.web.flow import ADDRESS, Flow
from app.pipeline.parse.web.links import address_after, find_base, is_permalink, resolve
from app.pipeline.parse.web.names import words_of

CAPTURED = {"a", "sup", "sub", "del", "s", "strike", "q", "abbr", "acronym", "dfn"}
_NOTE_NAMES = ("note", "reference", "cite", "citation", "fn")
_CONTEXT = 12


class Captures:
    """The open elements of these kinds: of each kind only the outermost, so that time is linear.

    Args:
        tree: The page.
        address: The address of the page, if it is known.
    """

    def __init__(self, tree: etree._Element, address: str | None) -> None:
        self._base = find_base(tree, address)
        self._open: dict[str, tuple[etree._Element, tuple[int, int]]] = {}
        self._explained: set[str] = set()
        self._deferred: list[str] = []

    def start(self, element: etree._Element, flow: Flow) -> None:
        """Remember where the text of an element begins."""
        if element.tag in self._open:
            return
        before = element.getprevious()
        if element.tag == "a" and before is not None and before.tag == "a" and not before.tail:
            flow.set_apart()
        self._open[element.tag] = element, flow.tell()

    def end(self, element: etree._Element, flow: Flow, *, in_navigation: bool, in_heading: bool) -> None:
        """Change the text of an element that ends."""
        opened, position = self._open.get(element.tag, (None, (0, 0)))
        if opened is not element:
            return
        del self._open[element.tag]
        text = flow.take(position)
        if element.tag == "a":
            self._end_link(element, flow, text, in_navigation=in_navigation, in_heading=in_heading)
        elif text is not None:
            flow.insert(self._change(element, text, flow.last_characters(_CONTEXT)))

    def end_heading(self, flow: Flow) -> None:
        """Write the addresses of the links in a heading, which keep out of its text, on a line after it."""
        for address in dict.fromkeys(self._deferred):
            flow.insert(f"{ADDRESS}{address}{ADDRESS}")
            flow.end_line()
        self._deferred.clear()

    def _change(self, element: etree._Element, text: str, before: str) -> str:
        match element.tag:
            case "sup":
                return inline.write_superscript(
                    text, before, is_note=_is_note(element), is_numerator=_is_numerator(element)
                )
            case "sub":
                return inline.write_subscript(text, before)
            case "q":
                return inline.write_quoted(text)
            case "del" | "s" | "strike":
                return inline.write_struck(text)
        title = element.get("title")
        if title is None or title in self._explained:
            return text
        self._explained.add(title)
        return inline.write_abbreviation(text, title)

    def _end_link(
        self, element: etree._Element, flow: Flow, words: str | None, *, in_navigation: bool, in_heading: bool
    ) -> None:
        reference = element.get("href")
        if words is not None and is_permalink(words, reference):
            return
        address = None if in_navigation else resolve(self._base, reference)
        if address in flow.addresses:
            address = None
        flow.addresses |= {address} if address else set()
        if words is not None:
            flow.linked += len(words.strip()) if reference else 0
        if in_heading:
            self._deferred += [address] if address and (words or "").strip() else []
            flow.insert(words or "")
        elif words is not None:
            added = address_after(words, address)
            flow.insert(f"{words.rstrip()}{added}{' ' if words[-1:].isspace() else ''}" if added else words)
        else:
            self._end_block_link(flow, address)

    def _end_block_link(self, flow: Flow, address: str | None) -> None:
        """A link around blocks: its address follows the last of them."""
        flow.end_line()
        last = flow.lines[-1] if flow.lines else None
        if last is None or address is None or last.table:
            return
        if last.is_heading:
            self._deferred.append(address)
            self.end_heading(flow)
        else:
            last.text += address_after(last.text, address)


def _is_note(element: etree._Element) -> bool:
    """Whether a superscript leads to a note."""
    around = element.getparent()
    is_alone = around is not None and not (around.text or element.tail or "").strip() and len(around) == 1
    links = [*([around] if is_alone else []), *element.iterchildren("a")]
    if any(link.tag == "a" and "#" in (link.get("href") or "") for link in links if link is not None):
        return True
    names = f"{words_of(element)} {element.get('{http://www.idpf.org/2007/ops}type') or element.get('epub:type') or ''}"
    return any(name in names.lower() for name in _NOTE_NAMES)


def _is_numerator(element: etree._Element) -> bool:
    below = element.getnext()
    return below is not None and below.tag == "sub" and (element.tail or "").strip() in {"/", "\u2044", "\u2215"}
