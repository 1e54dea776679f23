"""Tables as text: a line a row, ``a | b | c``, as the readers of DOCX and HTML write them."""

from collections.abc import Iterable


def write_row(cells: Iterable[str]) -> str:
    """A row of cells, each on one line; empty ones stay, so that columns keep their place, but not at the row's end."""
    folded = [" ".join(cell.split()) for cell in cells]
    while folded and not folded[-1]:
        folded.pop()
    return " | ".join(folded)


def join_blocks(blocks: Iterable[tuple[str, str]]) -> str:
    """Blocks of text as ``(kind, text)``: ``paragraph`` a blank line apart, others of one kind line by line."""
    pieces: list[str] = []
    before = ""
    for kind, text in blocks:
        if text.strip():
            pieces += ["\n" if kind == before != "paragraph" else "\n\n", text]
            before = kind
    return "".join(pieces[1:])
