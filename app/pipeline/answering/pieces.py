"""The parts of a passage that can be quoted: sentences, list entries, and rows of tables with their header."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.pipeline.chunking.chunk import find_sentences
from app.pipeline.chunking.table_headers import Table, find_tables
from app.pipeline.words.lexemes import IS_UNSPACED

LONGEST = 350
"""The largest number of characters of a piece. A longer sentence gives windows of whole clauses."""
_SHORTEST = 8
_LEAD = 120
"""The largest number of characters of the line that introduces a list, which is shown with each of its entries."""
_ENTRY = re.compile(r"[ \t]*(?:[-*+•‣◦▪–]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+\S")  # noqa: RUF001
_MARKER = re.compile(r"[ \t]*(?:\(?\d{1,3}[.)]|\(?[a-z][.)])")
"""The number of an entry, which looks like a sentence of its own."""
_ROW = re.compile(r"[ \t]*\|.*|.*\S \| .*")
_RULE = re.compile(r"[\s|:=_*~-]*")
_MARKED_HEADING = re.compile(r"[ \t]*(?:#{1,6}[ \t]|={3,}|-{3,})")
_CLAUSE = re.compile(
    r"(?<=[,;:—–)])\s+|(?<=[，、；：])(?=.)|(?<=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\s+|\n+"  # noqa: RUF001
)
_ENDED = re.compile(r"[.!…:;。！।॥۔។៕]['\"”’»)\]\d]{0,4}$")  # noqa: RUF001
_QUESTION = re.compile(r"[?？؟;]['\"”’»)]?$")  # noqa: RUF001
_GREEK = re.compile("[\u0370-\u03ff]")
_BOILERPLATE = re.compile(
    r"cookie|©|\(c\) \d{4}|all rights reserved|alle rechte vorbehalten|tous droits|todos los derechos|tutti i diritti"
    r"|privacy policy|terms of (?:use|service)|skip to|sign (?:in|up)|log ?in|subscribe|newsletter|share this|read more"
    r"|back to top|next page|previous page|^\s*page \d+(?: of \d+)?\s*$|table of contents|[›»]\s|\.{5,}",  # noqa: RUF001
    re.IGNORECASE,
)
_BOILERPLATE_LENGTH = 160
_HEADING_WORDS = 8
_TITLE_WORDS = 4
_MENU_WORDS = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a passage: ``text[start:end]``.

    ``shown`` is what an answer shows of it: a row with the names of its columns, an entry with the line that
    introduces its list. ``is_title`` is true for what looks like a heading. ``above`` is the marked heading or the
    question that it follows. ``is_item`` is true for rows and entries, each of which says the same of something else.
    """

    start: int
    end: int
    shown: str
    is_title: bool = False
    above: str = ""
    is_item: bool = False


def list_pieces(text: str, context: str = "") -> list[Piece]:
    """The parts of a passage that can be quoted, in order. Headings, menus, boilerplate and questions are left out.

    Args:
        text: The passage.
        context: The headings above it, and the header of a table in which it begins.
    """
    names = [line for line in context.split("\n") if _ROW.fullmatch(line)]
    titles = {title.strip() for line in context.split("\n") if line not in names for title in line.split(" > ")}
    tables = find_tables(text, above="\n".join(names))
    pieces = list[Piece]()
    lead = above = ""
    for start, end in _split_lines(text):
        part = text[start:end]
        first = len(pieces)
        if _ROW.fullmatch(part):
            pieces += _make_row(part, start, end, _find_names(tables, start, names))
        elif part.strip("# \t") in titles or _is_left_out(part):
            above = part if _MARKED_HEADING.match(part) or _QUESTION.search(part) else above
        elif _ENTRY.match(part):
            pieces += (replace(piece, is_item=True) for piece in _make_windows(text, start, end, lead))
        else:
            is_title = end < len(text) and (_looks_like_title(part) or (not pieces and _is_bare(part)))
            pieces += _make_windows(text, start, end, "", is_title=is_title)
            lead = " ".join(part.split()) if part.rstrip().endswith((":", "：")) and len(part) <= _LEAD else ""  # noqa: RUF001
        pieces[first:] = [replace(piece, above=above) for piece in pieces[first:]] if above else pieces[first:]
    return pieces


def _split_lines(text: str) -> Iterator[tuple[int, int]]:
    """Sentences, cut before and after lines that stand for themselves: rows, entries and headings."""
    for start, end in _join_markers(text):
        begin = line = start
        alone = False
        while line < end:
            stop = text.find("\n", line, end)
            stop = end if stop < 0 else stop
            shown = text[line:stop]
            is_alone = bool(_ROW.fullmatch(shown) or _MARKED_HEADING.match(shown) or _is_heading(text, line, stop, end))
            if line > begin and (is_alone or alone or _ENTRY.match(shown) or text[begin:line].rstrip().endswith(":")):
                yield from _trim(text, begin, line)
                begin = line
            alone, line = is_alone, stop + 1
        yield from _trim(text, begin, end)


def _is_heading(text: str, start: int, stop: int, end: int) -> bool:
    """Whether a line is a heading without a mark: a short title above a longer line that begins a sentence."""
    following = text.find("\n", stop + 1, end)
    length = (end if following < 0 else following) - stop - 1
    if 2 * (stop - start) >= length or not (text[start].isupper() and text[stop + 1].isupper()):
        return False
    return not text[text.rfind("\n", 0, start) + 1 : start].strip() and _looks_like_title(text[start:stop])


def _join_markers(text: str) -> Iterator[tuple[int, int]]:
    """Sentences; the number of an entry belongs to the sentence behind it, and a row is not cut at a stop in a cell."""
    begin: int | None = None
    end = 0
    for start, end in find_sentences(text):
        begin = start if begin is None else begin
        is_number = _MARKER.fullmatch(text, max(text.rfind("\n", begin, end) + 1, begin), end)
        if not (is_number or _is_within_row(text, end)):
            yield begin, end
            begin = None
    if begin is not None:
        yield begin, end


def _is_within_row(text: str, place: int) -> bool:
    """Whether the end of a sentence is within a line that is a row of a table: another row is next to it."""
    start = text.rfind("\n", 0, place) + 1
    stop = text.find("\n", place)
    stop = len(text) if stop < 0 else stop
    if not text[place:stop].strip() or not _ROW.fullmatch(text, start, stop):
        return False
    above, below = max(0, text.rfind("\n", 0, max(0, start - 1)) + 1), text.find("\n", stop + 1)
    below = len(text) if below < 0 else below
    is_below = start > 0 and _ROW.fullmatch(text, above, start - 1)
    return bool(is_below or (stop < len(text) and _ROW.fullmatch(text, stop + 1, below)))


def _trim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    begin = start + len(part) - len(part.lstrip())
    if stop := len(part.strip()):
        yield begin, begin + stop


def _is_left_out(part: str) -> bool:
    """Whether a part is a marked heading, a rule, a question, or what pages repeat around their content."""
    if _MARKED_HEADING.match(part) or _RULE.fullmatch(part) or len(part) < _SHORTEST:
        return True
    if (ending := _QUESTION.search(part)) and (ending[0][0] != ";" or _GREEK.search(part)):
        return True
    return len(part) <= _BOILERPLATE_LENGTH and _BOILERPLATE.search(part) is not None


def _looks_like_title(part: str) -> bool:
    """Whether a part is short, ends without a stop and has neither a number nor a colon."""
    if _ENDED.search(part) or any(character.isdecimal() or character == ":" for character in part):
        return False
    return len(part.split()) <= _HEADING_WORDS and part == part.strip() and "\n" not in part


def _is_bare(part: str) -> bool:
    """Whether a part is as short as a title with which many passages begin, such as ``Government of Japan.``."""
    return (
        not IS_UNSPACED.search(part)
        and len(part.split()) <= _TITLE_WORDS
        and not any(character.isdecimal() for character in part)
    )


def _find_names(tables: Sequence[Table], start: int, names: Sequence[str]) -> Sequence[str] | None:
    """The rows that name the columns of a row; None for one of these themselves."""
    for table in tables:
        if table.start <= start < table.end:
            return table.header.split("\n") if start >= table.body else None
    return names


def _make_row(part: str, start: int, end: int, names: Sequence[str] | None) -> Iterator[Piece]:
    cells = _split_cells(part)
    is_menu = not names and all(len(cell.split()) <= _MENU_WORDS for cell in cells) and not re.search(r"\d", part)
    if names is None or is_menu or _RULE.fullmatch(part):
        return
    yield Piece(start, end, _name_cells(cells, names), is_item=True)


def _name_cells(cells: Sequence[str], names: Sequence[str]) -> str:
    """A row as ``name: value`` pairs; with its header before it where their columns differ in number."""
    rows = [_split_cells(row) for row in names]
    if not rows:
        return " | ".join(cells)
    if any(len(row) != len(cells) for row in rows):
        return f"{' | '.join(rows[-1])} – {' | '.join(cells)}"  # noqa: RUF001
    columns = [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*rows, strict=True)]
    return ", ".join(
        f"{name}: {cell}" if name and name != cell else cell for name, cell in zip(columns, cells, strict=True) if cell
    )


def _split_cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().removeprefix("|").removesuffix("|").split("|")]


def _make_windows(text: str, start: int, end: int, lead: str, *, is_title: bool = False) -> Iterator[Piece]:
    """The part as one piece, or as windows of whole clauses where it is too long."""
    for begin, stop in [(start, end)] if end - start <= LONGEST else _list_windows(text, start, end):
        for first, last in _trim(text, begin, stop):
            shown = " ".join(f"{lead} {text[first:last]}".split())
            yield Piece(first, last, shown, is_title)


def _list_windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Overlapping windows: each begins with a clause and has as many whole ones as fit."""
    cuts = [start]
    for cut in (*(match.end() for match in _CLAUSE.finditer(text, start, end)), end):
        while cut - cuts[-1] > LONGEST:
            space = text.rfind(" ", cuts[-1] + 1, cuts[-1] + LONGEST)
            cuts.append(space + 1 if space > 0 else cuts[-1] + LONGEST)
        if cut > cuts[-1]:
            cuts.append(cut)
    last = 1
    for first, begin in enumerate(cuts[:-1]):
        last = max(last, first + 1)
        while last + 1 < len(cuts) and cuts[last + 1] - begin <= LONGEST:
            last += 1
        yield begin, cuts[last]
        if cuts[last] == end:
            return
