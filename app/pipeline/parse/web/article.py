"""The article of a page with navigation, found by trafilatura where the page is of a form that it reads in linear time.

trafilatura only decides which lines belong to the article. Their text is that of ``body.py``, because trafilatura loses
the columns of tables, the lists within them and much of what stands within a line.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, groupby

from lxml import etree

from app.pipeline.parse.rendering.marks import take_marks
from app.pipeline.parse.web.article_cost import is_costly
from app.pipeline.parse.web.flow import ADDRESS, Line
from app.pipeline.parse.web.names import is_beside, is_navigation

_ARTICLE_CHARACTERS = 250
_ARTICLE_SHARE = 0.25
"""An article shorter than this share of the body's text is probably not the main content of the page."""

_PRECISE_SHARE = 0.6
"""Below it, the precise mode of trafilatura lost text rather than teasers: docs/text-quality.md."""

_LINK_SHARE = 0.1
_LINKED_SHARE = 0.3
"""A table or line with more of its text within links leads elsewhere."""
_KEPT_SHARE = 0.5
"""The share of its words that a line of the article has in the text that trafilatura found, in runs."""
_CONTAINER_SHARE = 0.9
"""The innermost element with this share of the article is its container: tables within it belong to the article."""
_TABLE_SHARE = 0.25
"""The share of its cells that a table of the article has in that text."""
_CERTAIN = 8
"""The number of words of a line that shows where the article is."""
_FEW_ADDRESSES = 2
_FILE = re.compile(
    r"[^/]/.*\.(?:pdf|docx?|xls[xmb]?|pptx?|od[tsp]|rtf|epub|csv|tsv|txt|json|xml|ya?ml|ics|zip|t?gz|7z|rar|exe|msi|dmg|deb"
    r"|rpm|apk|iso)\Z",
    re.IGNORECASE,
)
_RUN = 4
_ADDED = re.compile(r"(?<=\w)[\^_\[]|(?<=\d)\]")
_WORD = re.compile(r"[\u0e00-\u0eff\u2e80-\u9fff]|[^\W\u0e00-\u0eff\u2e80-\u9fff]+")
"""A word, or a character of a script that is written without spaces between words."""
_ADDRESS = re.compile(f"{ADDRESS}[^{ADDRESS}]*{ADDRESS}")


def has_navigation(tree: etree._Element, lines: Sequence[Line]) -> bool:
    """Whether the page has navigation around its article; a page without it is read as a whole."""
    if next(tree.iter("nav", "aside", "footer"), None) is not None:
        return True
    return sum(line.linked for line in lines) > _LINK_SHARE * _count_characters(lines)


def choose_article(tree: etree._Element, lines: Sequence[Line]) -> Sequence[Line]:
    """The lines of the article; all lines where the article is too small, or costly to find."""
    if is_costly(tree):
        return lines
    article = _extract(tree)
    share = 0.0 if _declares_article(tree) else _ARTICLE_SHARE
    if len(article) < max(_ARTICLE_CHARACTERS, share * _count_characters(lines)):
        return lines
    selected = _select(lines, article)
    return _thin_addresses(selected) if selected else lines


def _thin_addresses(lines: Sequence[Line]) -> Sequence[Line]:
    """Keep the addresses of files, mail and telephones, and the others where an article has few of them.

    Many are references for those who browse; they cost an article more than they tell (docs/text-quality.md).
    """
    if sum(not _leads_to_file(match[0]) for line in lines for match in _ADDRESS.finditer(line.text)) > _FEW_ADDRESSES:
        for line in lines:
            line.text = _ADDRESS.sub(lambda match: match[0] if _leads_to_file(match[0]) else "", line.text)
    return [line for line in lines if line.text]


def _leads_to_file(address: str) -> bool:
    path = re.split("[?#]", address.strip(f"{ADDRESS} ()"))[0]
    return "://" not in path or bool(_FILE.search(path))


def _select(lines: Sequence[Line], article: str) -> list[Line]:
    """The lines whose words are in the article, and what the search lost among them, such as tables and short lines."""
    groups = [list(group) for _, group in groupby(lines, key=lambda line: line.table or id(line))]
    kept = _Article(article).find(groups)
    container = _find_container([group for group, is_kept in zip(groups, kept, strict=True) if is_kept])
    if container is not None:
        among = _find_extent(groups, kept)
        for place, group in enumerate(groups):
            kept[place] = kept[place] or ((group[0].table > 0 or place in among) and _belongs(group, container))
    return [line for group, is_kept in zip(groups, kept, strict=True) if is_kept for line in group]


def _find_extent(groups: Sequence[Sequence[Line]], kept: Sequence[bool]) -> range:
    """The places from the first line of the article to the last, and to the lines after it that are its siblings."""
    places = [place for place, is_kept in enumerate(kept) if is_kept]
    parent = groups[places[-1]][0].owner.getparent()
    end = places[-1] + 1
    while end < len(groups) and groups[end][0].owner.getparent() is parent:
        end += 1
    return range(places[0], end)


class _Article:
    """The lines and the words of an article that was found.

    Args:
        text: The article.
    """

    def __init__(self, text: str) -> None:
        lines = [(line, _list_words(line)) for line in text.splitlines()]
        self._lines = Counter(words for _, words in lines if words)
        self._cells = {cell for line, words in lines for cell in _list_cells(line, words)}
        self._runs = Counter(_list_runs(tuple(chain.from_iterable(words for _, words in lines))))

    def find(self, groups: Sequence[Sequence[Line]]) -> list[bool]:
        """Whether each line or table is a part of the article.

        From the first line that only the article has to the last one, a line counts where half of its words are in the
        article, in runs; outside, where it is a line of it that was not found within. A page often repeats such lines.
        """
        words = [() if group[0].is_picture else _list_words(_write_plain(group[0])) for group in groups]
        counts = Counter(words)
        certain = [
            place
            for place, found in enumerate(words)
            if len(found) >= _CERTAIN and counts[found] == 1 and self._lines[found] and not groups[place][0].table
        ]
        first, last = (certain[0], certain[-1]) if certain else (0, len(groups))
        kept = [first <= place <= last and self._takes_line(group, words[place]) for place, group in enumerate(groups)]
        for place in range(first, min(last + 1, len(groups))):
            kept[place] = kept[place] or self._takes_runs(groups[place], words[place])
        for place in [*range(first), *range(last + 1, len(groups))]:
            kept[place] = self._takes_line(groups[place], words[place]) or self._takes_runs(groups[place], words[place])
        for place, group in enumerate(groups):
            if not words[place] and not group[0].is_picture and place:  # a line of signs or of an address
                kept[place] = kept[place - 1]
        return kept

    def _takes_line(self, group: Sequence[Line], words: tuple[str, ...]) -> bool:
        """Whether a line is one of the article that was not found before, or a table has enough of its cells."""
        if group[0].table:
            cells = [
                words for line in group for cell in _write_plain(line).split(" | ") if (words := _list_words(cell))
            ]
            return sum(cell in self._cells for cell in cells) > _TABLE_SHARE * len(cells)
        if self._lines[words] <= 0:
            return False
        self._lines[words] -= 1
        self._runs.subtract(_list_runs(words))
        return True

    def _takes_runs(self, group: Sequence[Line], words: tuple[str, ...]) -> bool:
        """Whether enough of the words of a line are in a part of the article that was not found before."""
        if len(words) < _RUN or group[0].table:
            return False
        runs = _list_runs(words)
        if sum(self._runs[run] > 0 for run in runs) < _KEPT_SHARE * len(runs):
            return False
        self._runs.subtract(runs)
        return True


def _list_words(text: str) -> tuple[str, ...]:
    """The words of a text. Signs that ``inline.py`` adds to superscripts and subscripts separate none."""
    return tuple(_WORD.findall(_ADDED.sub("", text.lower())))


def _list_cells(line: str, words: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """The words of each cell of a line with these words."""
    return map(_list_words, line.split("|")) if "|" in line else (words,)


def _list_runs(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [words[index : index + _RUN] for index in range(len(words) - _RUN + 1)]


def _write_plain(line: Line) -> str:
    """The text of a line without marks and addresses."""
    return take_marks(_ADDRESS.sub("", line.text) if ADDRESS in line.text else line.text)[0]


def _count_characters(lines: Iterable[Line]) -> int:
    return sum(len(_write_plain(line)) + 1 for line in lines)


def _find_container(groups: Iterable[Sequence[Line]]) -> etree._Element | None:
    """The innermost element with nearly all of the article; None where no single one has it."""
    sizes: Counter[etree._Element] = Counter()
    for group in groups:
        size = sum(len(line.text) for line in group)
        sizes[group[0].owner] += size
        for ancestor in group[0].owner.iterancestors():
            sizes[ancestor] += size
    whole = max(sizes.values(), default=0)
    holding = [element for element, size in sizes.items() if size >= _CONTAINER_SHARE * whole]
    container = max(holding, key=lambda element: sum(1 for _ in element.iterancestors()), default=None)
    return None if container is None or container.tag in {"html", "body"} else container


def _belongs(group: Sequence[Line], container: etree._Element) -> bool:
    """Whether a table or line that the search left out is within the container and leads nowhere else, but to files."""
    if group[0].is_picture or (
        sum(line.linked for line in group) > _LINKED_SHARE * _count_characters(group)
        and not any(_leads_to_file(match[0]) for line in group for match in _ADDRESS.finditer(line.text))
    ):
        return False
    element: etree._Element | None = group[0].owner
    while element is not None and element is not container:
        if is_navigation(element) or (not group[0].table and is_beside(element)):
            return False
        element = element.getparent()
    return element is not None


def _declares_article(tree: etree._Element) -> bool:
    return bool(tree.xpath("//meta[@property='og:type'][@content='article'] | //body[count(.//article) = 1]"))


def _extract(tree: etree._Element) -> str:
    """The article by trafilatura: its precise mode, which drops teasers, unless that loses much of the plain text."""
    from trafilatura import bare_extraction  # noqa: PLC0415, only pages with navigation need it, and it costs memory

    found = [
        bare_extraction(tree, fast=True, include_comments=False, favor_precision=precise) for precise in (False, True)
    ]
    plain, precise_text = (str(getattr(article, "text", None) or "") for article in found)
    return precise_text if len(precise_text) > _PRECISE_SHARE * len(plain) else plain
