import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from app.domain.errors import (
    DocumentDamagedError,
    DocumentEncryptedError,
    NoExtractableTextError,
    ParseLimitExceededError,
    ParserKilledError,
    ServiceUnavailableError,
    SluiceError,
    UnsupportedTypeError,
)
from app.domain.media import DOCX, MARKDOWN, PDF, TEXT
from app.pipeline.detection.media_type import detect
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.deadlines import deadline, wait_for, wait_until
from tests.pipeline.documents import make_docx, make_pdf, paragraph

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
LINE = "The lock keeper counts barges."


@asynccontextmanager
async def sandbox(
    *,
    size: int = 1,
    time_limit: float = 60,
    memory_mb: int = 1024,
    max_pages: int = 5000,
    documents_per_child: int = 200,
    idle: float = 60,
) -> AsyncIterator[ParserSandbox]:
    parser = ParserSandbox(
        size=size,
        time_limit=time_limit,
        memory_mb=memory_mb,
        max_pages=max_pages,
        documents_per_child=documents_per_child,
        idle_seconds=idle,
    )
    try:
        yield parser
    finally:
        await parser.close()
        assert children() == []


def children() -> list[int]:
    """The sandbox children of this process."""
    found = []
    for child in psutil.Process().children():
        try:
            if "app.pipeline.sandbox.child" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def pdf(folder: Path, *pages: str) -> Path:
    path = folder / f"{len(pages)}.pdf"
    path.write_bytes(make_pdf(*(pages or (LINE,))))
    return path


def endless(folder: Path) -> Path:
    """A file whose reading never ends: a pipe without a writer."""
    path = folder / "endless.txt"
    os.mkfifo(path)
    return path


async def test_documents_are_parsed_in_one_child_that_persists(tmp_path: Path) -> None:
    async with sandbox() as parser:
        parsed = await parser.parse(pdf(tmp_path), PDF)
        [child] = children()
        assert (parsed.pages[0].number, parsed.pages[0].text) == (1, LINE)
        docx = await parser.parse(make_docx(tmp_path / "a.docx", paragraph("größer")), DOCX)
        assert (docx.pages[0].number, docx.pages[0].text) == (None, "größer")
        assert children() == [child]


async def test_progress_ends_with_the_last_page(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    async with sandbox() as parser:
        await parser.parse(pdf(tmp_path, *[LINE] * 40), PDF, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (40, 40)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("number", "error", "retryable"),
    [
        (signal.SIGABRT, DocumentDamagedError, False),
        (signal.SIGXCPU, ParseLimitExceededError, False),
        (signal.SIGKILL, ParserKilledError, True),
        (signal.SIGTERM, ParserKilledError, True),
    ],
)
async def test_a_crash_costs_that_document_only(
    tmp_path: Path, number: signal.Signals, error: type[SluiceError], retryable: bool
) -> None:
    async with sandbox() as parser:
        parsing = asyncio.create_task(parser.parse(endless(tmp_path), TEXT))
        await wait_until(lambda: parser._busy, "the child to be busy")
        os.kill(children()[0], number)
        with pytest.raises(error) as caught:
            await parsing
        assert caught.value.retryable is retryable
        assert (await parser.parse(pdf(tmp_path), PDF)).pages


async def test_a_pdf_that_kills_its_reader_is_read_by_the_second_one(tmp_path: Path) -> None:
    async with sandbox() as parser:
        path = tmp_path / "a.pdf"
        os.mkfifo(path)
        parsing = asyncio.create_task(parser.parse(path, PDF))
        await wait_until(lambda: parser._busy, "the child to be busy")
        first = children()[0]
        path.unlink()
        path.write_bytes(make_pdf(LINE))
        os.kill(first, signal.SIGABRT)
        assert (await parsing).pages[0].text == LINE
        assert first not in children()


async def test_an_endless_parse_ends_at_the_limit(tmp_path: Path) -> None:
    async with sandbox(time_limit=0.5) as parser:
        with pytest.raises(ParseLimitExceededError):
            await parser.parse(endless(tmp_path), TEXT)
        await wait_until(lambda: not children(), "the child to be gone")


async def test_a_parse_that_takes_too_much_memory_is_refused_and_its_child_replaced(tmp_path: Path) -> None:
    path = tmp_path / "large.md"
    with path.open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    async with sandbox(memory_mb=128) as parser:
        with pytest.raises(ParseLimitExceededError):
            await parser.parse(path, MARKDOWN)
        assert (await parser.parse(pdf(tmp_path), PDF)).pages


async def test_a_cancel_kills_the_child_at_once(tmp_path: Path) -> None:
    async with sandbox() as parser:
        parsing = asyncio.create_task(parser.parse(endless(tmp_path), TEXT))
        await wait_until(lambda: parser._busy, "the child to be busy")
        parsing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await parsing
        await wait_until(lambda: not children(), "the child to be gone")
        assert (await parser.parse(pdf(tmp_path), PDF)).pages


async def test_no_more_children_run_than_allowed_and_idle_ones_end(tmp_path: Path) -> None:
    async with sandbox(size=2, idle=0.1) as parser:
        path = pdf(tmp_path, *[LINE] * 20)
        parses = asyncio.gather(*(parser.parse(path, PDF) for _ in range(8)))
        await wait_until(lambda: len(children()) > 1, "a second child")
        assert len(children()) == 2
        await parses
        await wait_until(lambda: len(children()) == 1, "the idle child to end")


async def test_a_child_is_replaced_after_its_share_of_documents(tmp_path: Path) -> None:
    async with sandbox(documents_per_child=2) as parser:
        seen = set()
        for _ in range(4):
            await parser.parse(pdf(tmp_path), PDF)
            seen |= {child.pid for child, _ in parser._idle}
        assert len(seen) == 2


async def test_closing_ends_what_is_being_parsed(tmp_path: Path) -> None:
    async with sandbox() as parser:
        parsing = asyncio.create_task(parser.parse(endless(tmp_path), TEXT))
        await wait_until(lambda: parser._busy, "the child to be busy")
        await parser.close()
        assert children() == []
        with pytest.raises(ServiceUnavailableError):
            await parsing
        with pytest.raises(ServiceUnavailableError):
            await parser.parse(pdf(tmp_path), PDF)


def test_it_works_in_a_loop_outside_the_main_thread(tmp_path: Path) -> None:
    texts: list[str] = []

    async def work() -> None:
        async with sandbox() as parser:
            texts.append((await parser.parse(pdf(tmp_path), PDF)).pages[0].text)

    thread = threading.Thread(target=lambda: asyncio.run(work()))  # a second event loop, in that thread
    thread.start()
    thread.join(deadline(60))
    assert texts == [LINE]


async def test_a_child_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    async with sandbox() as parser:
        await parser.parse(pdf(tmp_path), PDF)
        assert "OPENAI_API_KEY" not in psutil.Process(children()[0]).environ()


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from app.pipeline.sandbox.sandbox import ParserSandbox\n"
        "async def work():\n"
        "    parser = ParserSandbox(size=1, time_limit=60, memory_mb=512, max_pages=9)\n"
        "    await parser.parse(Path(sys.argv[1]), 'application/pdf')\n"
        "    print(parser._idle[0][0].pid, flush=True); await parser.parse(Path(sys.argv[2]), 'text/plain')\n"
        "asyncio.run(work())"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program, pdf(tmp_path), endless(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()
        wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", "the child to die")


@pytest.mark.corpus
@pytest.mark.slow
async def test_every_good_file_of_the_corpus_gives_text() -> None:
    async with sandbox(size=2) as parser:
        for path in sorted(CORPUS.glob("good/*")):
            parsed = await parser.parse(path, detect(path, path.name))
            assert "".join(page.text for page in parsed.pages).strip(), path.name


@pytest.mark.corpus
@pytest.mark.slow
async def test_every_bad_file_of_the_corpus_fails_by_the_expected_name() -> None:
    manifest = json.loads((CORPUS / "manifest.json").read_text())
    kinds = (
        *(DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError),
        *(ParseLimitExceededError, UnsupportedTypeError),
    )
    async with sandbox(size=2) as parser:
        for path in sorted(CORPUS.glob("bad/*")):
            expected = manifest[f"bad/{path.name}"]["expect"]
            with pytest.raises(kinds) as failure:
                await parser.parse(path, detect(path, path.name))
            assert failure.value.code in expected or "empty_file" in expected, path.name


async def test_a_document_may_have_as_many_pages_as_the_limit_and_no_more(tmp_path: Path) -> None:
    async with sandbox(max_pages=2) as parser:
        assert len((await parser.parse(pdf(tmp_path, LINE, LINE), PDF)).pages) == 2
        with pytest.raises(ParseLimitExceededError, match="It has 3 pages; the limit is 2"):
            await parser.parse(pdf(tmp_path, LINE, LINE, LINE), PDF)


def _replace_by_file(folder: Path) -> None:
    folder.rmdir()
    folder.touch()


async def test_a_child_whose_folder_is_not_empty_or_no_folder_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(LINE)
    async with sandbox() as parser:
        pids = []
        for change in (lambda folder: (folder / "left").touch(), Path.rmdir, _replace_by_file, lambda _folder: None):
            await parser.parse(path, TEXT)
            [(child, _)] = parser._idle
            pids.append(child.pid)
            change(child._folder.path)
        assert (await parser.parse(path, TEXT)).pages[0].text == LINE
        [(last, _)] = parser._idle
        assert len({*pids, last.pid}) == 4
        assert last.pid == pids[-1], "a child with an empty folder reads the next document too"
        folder = last._folder.path
    assert not folder.exists()


def test_the_second_reader_of_pdfs_is_loaded_for_files_that_need_it(tmp_path: Path) -> None:
    path = pdf(tmp_path, LINE)
    program = (
        "import sys; from pathlib import Path; from app.domain.media import PDF; from app.pipeline.parse import parse;"
        f"assert parse(Path({str(path)!r}), PDF).pages; assert 'pypdf' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
