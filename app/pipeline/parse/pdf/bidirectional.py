"""Lines that mix Hebrew or Arabic with numbers, codes and words of other scripts.

The content of a PDF says where each character stands, not in which order it is read. pdfium reads such a line as
fragments and confuses their order (``AB-17`` becomes ``-17AB``). Here the characters are sorted by their positions, and
the order of reading is found by the rules that the Unicode Bidirectional Algorithm (UAX #9) uses to display them,
for text that runs from right to left.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium

from app.pipeline.parse.pdf.layout import Box, is_jump, join_boxes, read_character_boxes

_LINE = re.compile("[^\r\n\ufffe]+")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_OTHER = re.compile(r"[A-Za-z0-9\u00c0-\u052f\u0660-\u0669\u06f0-\u06f9()\[\]{}<>«»]")
_LETTERS = re.compile(r"[^\W\d_]")
_NUMBERS = frozenset(["EN", "AN"])
_LEFT_TO_RIGHT = _NUMBERS | {"L"}
_NEUTRAL = frozenset(["ES", "CS", "ET", "BN", "B", "S", "WS", "ON"])
_SHARE = 0.3
_OVERLAP = 0.6
_OPENING = "([{<«"
_PAIRS = dict(zip(_OPENING + ")]}>»", ")]}>»" + _OPENING, strict=True))
_ENDS = " .,;:!?)]}>»"


class _Cluster(NamedTuple):
    """A character with the marks on it, or the letters of a ligature."""

    box: Box
    text: str
    direction: str
    """The bidirectional class of the first character."""


def reorder_mixed_lines(page: pdfium.PdfTextPage, text: str) -> Iterator[tuple[int, int, str]]:
    """The lines ``text[start:stop]`` that change, each with its new text.

    Only on pages where many letters run from right to left: elsewhere lines begin on the left, as pdfium reads them.
    """
    if text.isascii() or not _RIGHT_TO_LEFT.search(text):
        return
    if len(_RIGHT_TO_LEFT.findall(text)) < _SHARE * len(_LETTERS.findall(text)):
        return
    for line in _LINE.finditer(text):
        if _RIGHT_TO_LEFT.search(line[0]) and _OTHER.search(line[0]):
            groups = _read_clusters(page, line)
            ordered = " ".join(_order(group).strip() for group in reversed(groups))
            if groups and ordered != line[0]:
                yield *line.span(), ordered


def _read_clusters(page: pdfium.PdfTextPage, line: re.Match[str]) -> list[list[_Cluster]]:
    """The clusters of a line from left to right, in groups with wide gaps between them.

    There are none where the line is rotated, or where characters overlap, because then their order is uncertain.
    """
    placed: list[_Cluster] = []
    for character, box in zip(line[0], read_character_boxes(page, *line.span()), strict=True):
        former = placed[-1] if placed else None
        if former and (unicodedata.combining(character) or (box == former.box and box.width)):
            placed[-1] = former._replace(text=former.text + character)
        else:
            placed.append(_Cluster(box, character, unicodedata.bidirectional(character)))
    extent = join_boxes([cluster.box for cluster in placed])
    if extent.width < extent.height:
        return []
    placed.sort(key=lambda cluster: cluster.box.left + cluster.box.right)
    groups = [placed[:1]]
    for former, cluster in pairwise(placed):
        if former.box.right - cluster.box.left > _OVERLAP * min(former.box.width, cluster.box.width) > 0:
            return []
        if is_jump(former.box, cluster.box):
            groups.append([])
        groups[-1].append(cluster)
    return groups


def _order(clusters: Sequence[_Cluster]) -> str:
    """The text of clusters in reading order: from right to left, but runs of other scripts from left to right."""
    units: list[tuple[str, bool]] = []
    start = 0
    while start < len(clusters):
        stop = _find_end(clusters, start)
        units.append(("".join(cluster.text for cluster in clusters[start : stop or start + 1]), stop > 0))
        start = stop or start + 1
    units.reverse()
    return _turn_brackets(units)


def _find_end(clusters: Sequence[_Cluster], start: int) -> int:
    """The end of the run from left to right that begins here; 0 where none does."""
    stop = start
    while stop < len(clusters) and _is_sign(clusters, stop, start):
        stop += 1
    if stop == len(clusters) or clusters[stop].direction not in (_NUMBERS if stop > start else _LEFT_TO_RIGHT):
        return 0
    stop += 1
    while True:
        following = stop
        while following < len(clusters) and clusters[following].direction in _NEUTRAL:
            following += 1
        if following == len(clusters) or not _joins(clusters[stop - 1 : following + 1]):
            break
        stop = following + 1
    return _extend(clusters, stop)


def _is_sign(clusters: Sequence[_Cluster], index: int, start: int) -> bool:
    """Whether a sign before a number belongs to it: one of a currency, or plus or minus after a space."""
    if clusters[index].direction == "ET":
        return True
    return clusters[index].direction == "ES" and index == start and (index == 0 or clusters[index - 1].text.isspace())


def _extend(clusters: Sequence[_Cluster], stop: int) -> int:
    """The end of a run with the signs after it: of a currency after a number, or as in ``C++`` and ``C#``."""
    signs = "+#" if _is_letter(clusters[stop - 1]) else ""
    end = stop
    while end < len(clusters) and (clusters[end].text in signs if signs else clusters[end].direction == "ET"):
        end += 1
    return end if not signs or end == len(clusters) or clusters[end].text[0] in _ENDS else stop


def _is_letter(cluster: _Cluster) -> bool:
    return cluster.direction == "L"


def _joins(clusters: Sequence[_Cluster]) -> bool:
    """Whether the first and the last of these clusters belong to one run, with the neutral ones between them."""
    first, *between, last = clusters
    if last.direction not in _LEFT_TO_RIGHT:
        return False
    if not between or _is_letter(first) or _is_letter(last):
        return True
    return len(between) == 1 and between[0].direction in {"ES", "CS"} and not between[0].text.isspace()


def _turn_brackets(units: Sequence[tuple[str, bool]]) -> str:
    """The joined text. A bracket outside of runs opens after a space and closes before one.

    pdfium mirrors some brackets of a line and not others, so that their signs are uncertain.
    """
    texts = [text for text, _ in units]
    for index, (text, in_run) in enumerate(units):
        if in_run or text not in _PAIRS:
            continue
        follows_space = index == 0 or texts[index - 1].isspace() or texts[index - 1] in _OPENING
        precedes_space = index + 1 == len(texts) or texts[index + 1][0] in _ENDS
        if follows_space != precedes_space:
            texts[index] = min(text, _PAIRS[text]) if follows_space else max(text, _PAIRS[text])
    return "".join(texts)
