"""Every quote equals the text of its document at its page and offsets, in tables as well."""

import gzip
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.domain.documents import PAGE_BREAK, Chunk, Page
from app.domain.errors import SluiceError
from app.domain.media import DOCX, HTML, MARKDOWN, PDF, TEXT
from app.pipeline.answering.matching import QuestionWords
from app.pipeline.answering.quotes import Found, choose_quotes
from app.pipeline.chunking.chunk import split
from app.pipeline.chunking.headings import find_headings
from app.pipeline.parse import parse

QUOTES = 1000
MEDIA_TYPES = {".txt": TEXT, ".md": MARKDOWN, ".html": HTML, ".docx": DOCX, ".pdf": PDF}
MOST_CHUNKS = 160  # of a document, one after the other from any of them on
WORDS = "gate ferry keeper timber sluice harbour winter draught pilot signal läge über 東京 ворота ميناء".split()  # noqa: SIM905


def make_pages(source: random.Random) -> list[Page]:
    """Pages of headings, sentences, lists and tables, with odd white space and characters beyond the basic plane."""

    def words(count: int) -> str:
        return " ".join(source.choices(WORDS, k=count))

    def make_part() -> str:
        row = f"{words(1)} | approx. {source.randint(1, 99)} m |  {words(2).capitalize()}. {words(1).capitalize()}"
        parts = [
            f"# {words(3)}\n",
            f"{words(9).capitalize()} 🚢 {source.randint(1, 9999)}. {words(6).capitalize()}?",
            f"{words(4)}:\n" + "\n".join(f"- {words(5)}, {number}" for number in range(4)),
            "Port | Draught | Note\n" + "\n".join(f"{number} {row}" for number in range(30)),
            f"  {words(120)}\t{words(40)}\u3000{words(5)}",
            "東京の港は六時に開く。門は大きい。",
        ]
        return source.choice(parts)

    texts = ["\n\n".join(make_part() for _ in range(12)) for _ in range(3)]
    return [Page(number, text, find_headings(text)) for number, text in enumerate(texts, 1)]


def ask(chunks: Sequence[Chunk], source: random.Random) -> Iterator[tuple[Chunk, int, int, str]]:
    """Quotes of chunks on words that these have, with their places in the document."""
    for start in range(0, len(chunks), 4):
        few = chunks[start : start + 4]
        question = " ".join(source.choices(" ".join(chunk.text for chunk in few).split(), k=5))
        found = [Found(chunk.text, chunk.context, score=1.0) for chunk in few]
        for quote in choose_quotes(question, QuestionWords(question, {"": len(chunks)}), found):
            chunk = few[quote.passage]
            yield chunk, chunk.start + quote.start, chunk.start + quote.end, quote.text


def is_within_row(text: str, place: int) -> bool:
    """Whether a place is within a row of a table, where no quote may begin or end."""
    start, stop = text.rfind("\n", 0, place) + 1, text.find("\n", place)
    stop = len(text) if stop < 0 else stop
    lines = text[:start].split("\n")[-2:-1] + text[stop + 1 :].split("\n")[:1]
    is_row = " | " in text[start:stop] and any(" | " in line for line in lines)
    return is_row and bool(text[start:place].strip(" |") and text[place:stop].strip(" |"))


def check(pages: Sequence[Page], source: random.Random) -> int:
    """Check the quotes of a document; returns their number."""
    document = PAGE_BREAK.join(page.text for page in pages)
    starts = dict[int | None, tuple[int, int]]()
    offset = 0
    for page in pages:
        first, _ = starts.get(page.number, (offset, offset))
        starts[page.number] = first, offset + len(page.text)
        offset += len(page.text) + len(PAGE_BREAK)
    count = 0
    chunks = list(split(pages))
    first = source.randrange(max(1, len(chunks) - MOST_CHUNKS + 1))
    for chunk, start, end, text in ask(chunks[first : first + MOST_CHUNKS], source):
        assert document[start:end] == text
        assert text == text.strip() != ""
        assert starts[chunk.page][0] <= start < end <= starts[chunk.page][1]
        assert not is_within_row(chunk.text, start - chunk.start)
        assert not is_within_row(chunk.text, end - chunk.start)
        count += 1
    return count


def test_the_quotes_of_made_documents_are_at_their_places() -> None:
    source = random.Random(7)  # noqa: S311 - the same documents in every run
    count = 0
    while count < QUOTES:
        count += check(make_pages(source), source)


@pytest.mark.corpus
def test_the_quotes_of_real_documents_are_at_their_places(corpus: Path, tmp_path: Path) -> None:
    source = random.Random(7)  # noqa: S311 - the same questions in every run
    count = 0
    for path in list_documents(corpus, tmp_path):
        try:
            pages = parse(path, MEDIA_TYPES[path.suffix]).pages
        except SluiceError:  # scans
            continue
        count += check(pages, source)
    assert count >= QUOTES


def list_documents(corpus: Path, folder: Path) -> Iterator[Path]:
    """The readable documents of the corpus; compressed ones are unpacked into the folder."""
    yield from (path for path in sorted((corpus / "good").iterdir()) if path.suffix in MEDIA_TYPES)
    for path in sorted((corpus / "html").glob("*.html.gz")):
        page = folder / path.stem
        page.write_bytes(gzip.decompress(path.read_bytes()))
        yield page
