"""Reads small web pages."""

from pathlib import Path

from app.domain.media import HTML
from app.pipeline.parse import parse

_PARAGRAPH = "The keeper of the {} lock opens both gates at dawn and writes the level of the water into a book. "
ARTICLE = "".join(f"<p>{_PARAGRAPH.format(name) * 2}</p>" for name in ("upper", "middle", "lower"))


def read_text(folder: Path, markup: str) -> str:
    """The text of a page with this markup."""
    path = folder / "page.html"
    path.write_text(markup, "utf-8")
    return "\n\n".join(page.text for page in parse(path, HTML).pages)


def read_body(folder: Path, markup: str) -> str:
    """The text of a page with this body."""
    return read_text(folder, f"<!doctype html><html><body>{markup}</body></html>")


def read_article(folder: Path, markup: str) -> str:
    """The text of a page with navigation around an article, which has this markup after its first paragraphs."""
    links = "".join(f"<li><a href='/{name}'>Part {name}</a></li>" for name in "abcdefg")
    return read_text(
        folder,
        f"<html><body><nav><ul>{links}</ul></nav><main><h1>The locks</h1>{ARTICLE}{markup}</main>"
        "<footer>Imprint</footer></body></html>",
    )
