"""Tables as text: each row is a line ``a | b | c``."""

from collections.abc import Iterable


def write_row(cells: Iterable[str]) -> str:
    """A row of cells as one line. Empty cells keep the position of later ones; those at the end are dropped."""
    folded = [" ".join(cell.split()) for cell in cells]
    while folded and not folded[-1]:
        folded.pop()
    return " | ".join(folded)


def join_blocks(blocks: Iterable[tuple[str, str]]) -> str:
    """Blocks ``(kind, text)`` separated by blank lines; two of the same kind, except paragraphs, by a line end."""
    pieces: list[str] = []
    before = ""
    for kind, text in blocks:
        if text.strip():
            pieces += ["\n" if kind == before != "paragraph" else "\n\n", text]
            before = kind
    return "".join(pieces[1:])
