"""The written pages agree with the files they name."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGES = sorted({*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md"), *(_ROOT / "examples").rglob("*.md")})
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|toml|yml|json|lock|sh|mako|ini|pem))`")
"""A path in backticks, from the root of the repository, from ``app/`` or from the page's folder."""
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)")


def _anchors(page: Path) -> set[str]:
    """The names GitHub gives a page's headings."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or target.suffix != ".md" or anchor in _anchors(target))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text()))
    relative = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in relative if not _leads_somewhere(page, link)] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    if page.name == "CHANGELOG.md":  # names files of former versions
        return
    named = _FILE.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE))
    places = (_ROOT, _ROOT / "app", page.parent)
    assert [file for file in named if not any((place / file).is_file() for place in places)] == []


def test_every_make_target_that_is_written_of_exists() -> None:
    described = set(re.findall(r"^([a-z-]+):.*## \S", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    code = [
        (page.name, span)
        for page in _PAGES
        for span in re.findall(r"`(make[^`]*)`|^ *(make .*)$", page.read_text(), re.MULTILINE)
    ]
    named = {(page, word) for page, span in code for word in re.findall(r"^make ([a-z-]+)", "".join(span))}
    assert {(page, word) for page, word in named if word not in described} == set()


def test_every_make_target_is_described() -> None:
    text = (_ROOT / "Makefile").read_text()
    phony = set("".join(re.findall(r"^\.PHONY:(.*)$", text, re.MULTILINE)).split())
    described = set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE))
    assert phony - described == {"venv"}, "only the step that makes .venv is called by no one by hand"


def test_the_index_lists_every_page_of_docs() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall((_ROOT / "docs" / "index.md").read_text())}
    assert {page.name for page in (_ROOT / "docs").glob("*.md")} - {"index.md"} - linked == set()
