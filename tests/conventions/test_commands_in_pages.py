"""Commands in the pages for users are in blocks that a test runs, with few and known exceptions."""

import re
from collections import Counter

from tests.docs.pages import PAGES, ROOT, list_blocks, strip_blocks

_LANGUAGES = {"bash", "console", "text", "json", "sql", "mermaid", "python"}
_CONSOLE = {
    "cli.md": 1,  # names a remote host
    "evaluation.md": 2,  # needs documents and questions of your own
    "README.md": 1,  # does not end: `make up`
    "embeddings.md": 4,  # changes .venv: `make extras`
    "extras.md": 1,
    "http-server.md": 1,
    "ocr.md": 1,  # installs into the virtual environment
    "vector-stores.md": 2,
    "tour.md": 1,  # does not end
    "upgrade.md": 2,  # changes the checkout, or needs Docker
}
"""The number of blocks marked ``console`` on each page: commands that cannot run in a test."""
_COMMAND = re.compile(
    r"^\s*(?:\$ )?(?:\./\w+|make|curl|docker|git|pip|python3?|pg_\w+|psql|uvicorn|celery|\.venv/\S+) \S", re.MULTILINE
)


def test_every_block_names_its_language() -> None:
    found = {(page.name, block.language) for page in PAGES for block in list_blocks(page)}
    assert {(name, language) for name, language in found if language not in _LANGUAGES} == set()


def test_commands_that_no_test_runs_are_few() -> None:
    counts = Counter(page.name for page in PAGES for block in list_blocks(page) if block.language == "console")
    assert counts == _CONSOLE


def test_commands_are_in_blocks_of_commands() -> None:
    found = [
        (page.name, command)
        for page in PAGES
        for text in (strip_blocks(page), *(block.text for block in list_blocks(page) if block.language == "text"))
        for command in re.findall(r"^ {4,}.*|^\$.*", text, re.MULTILINE)
        if _COMMAND.match(command)
    ]
    assert found == [], "mark them as ```bash"


def test_commands_to_copy_contain_no_comments() -> None:
    """An interactive zsh, the shell of macOS, takes ``#`` as an argument."""
    found = [
        (page.name, line)
        for page in PAGES
        for block in list_blocks(page)
        if block.language in {"bash", "console"}
        for line in block.text.splitlines()
        if re.search(r"(^|\s)# ", line)
    ]
    assert found == []


def test_make_extras_is_shown_with_extras_that_exist() -> None:
    named = {
        name
        for page in PAGES
        for group in re.findall(r'EXTRAS=(?:"([^"…]+)"|([a-z0-9-]+))', page.read_text())
        for name in "".join(group).split()
    }
    assert named <= {lock.stem for lock in (ROOT / "extras").glob("*.lock")}
