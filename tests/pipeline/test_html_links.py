"""Links of web pages: the address follows the words, where it says more than they do."""

from pathlib import Path

import pytest

from tests.pipeline.pages import read_article, read_body, read_text

_FAR = "https://far.example.org"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (f"<p>Get <a href='{_FAR}/a.pdf'>the plan</a>.</p>", f"Get the plan ({_FAR}/a.pdf)."),
        (f"<p><a href=' {_FAR}/a b\n/c.pdf '>plan</a></p>", f"plan ({_FAR}/a%20b/c.pdf)"),
        (f"<p><a href='{_FAR}/a b'>{_FAR}/a b</a></p>", f"{_FAR}/a b"),
        (f"<p><a href='{_FAR}/a'>{_FAR}/a</a></p>", f"{_FAR}/a"),
        ("<p><a href='mailto:ida@example.org'>Ida</a></p>", "Ida (ida@example.org)"),
        ("<p><a href='tel:+49 30 12'>Ida</a></p>", "Ida (+493012)"),
        ("<p><a href='//cdn.example.org/x.zip'>x</a></p>", "x (https://cdn.example.org/x.zip)"),
        ("<p><a href='/rel'>a</a> <a href='#top'>b</a> <a href='javascript:f()'>c</a> <a name=x>d</a></p>", "a b c d"),
        (f"<p><a href='{_FAR}/a'>one</a> and <a href='{_FAR}/a'>two</a></p>", f"one ({_FAR}/a) and two"),
        (f"<nav><a href='{_FAR}/a'>a</a></nav><div class='main-menu'><a href='{_FAR}/b'>b</a></div>", "a\n\nb"),
        (f"<p><a href='{_FAR}/a'><img src=x></a>text</p>", "text"),
        (f"<a href='{_FAR}/card'><div>Card</div><div>text</div></a>", f"Card\ntext ({_FAR}/card)"),
        (f"<h2>Plan <a href='{_FAR}/p'>B</a><a href='#plan'>¶</a></h2><p>x</p>", f"Plan B\n{_FAR}/p\n\nx"),
        (f"<table><tr><td>a<td><a href='{_FAR}/t'>t</a><tr><td>b<td>c</table>", f"a | t ({_FAR}/t)\nb | c"),
        (f"<ul><li><a href='{_FAR}/l'>l</a></ul>", f"- l ({_FAR}/l)"),
        ("<p><a href='http://[bad'>x</a></p>", "x"),
    ],
)
def test_an_address_follows_the_words_of_its_link(tmp_path: Path, markup: str, text: str) -> None:
    assert read_body(tmp_path, markup).replace("\n\n", "\n") == text.replace("\n\n", "\n")


@pytest.mark.parametrize(
    "head",
    [
        f"<base href='{_FAR}/docs/'>",
        f"<link rel=canonical href='{_FAR}/docs/page.html'>",
        f"<meta property='og:url' content='{_FAR}/docs/page.html'>",
        f"<base href='/docs/'><link rel=canonical href='{_FAR}/'>",
    ],
)
def test_a_page_that_states_its_address_resolves_relative_links(tmp_path: Path, head: str) -> None:
    page = f"<html><head>{head}</head><body><p><a href='plan.pdf'>Plan</a></body></html>"
    assert read_text(tmp_path, page) == f"Plan ({_FAR}/docs/plan.pdf)"


def test_an_article_keeps_the_addresses_of_files_and_of_few_links(tmp_path: Path) -> None:
    few = f"<p>The keeper sends <a href='{_FAR}/form'>the form</a> to all boats that pass the lock at night.</p>"
    assert f"the form ({_FAR}/form) to all" in read_article(tmp_path, few)
    links = f"<a href='{_FAR}/b'>the rules</a>, <a href='{_FAR}/c'>the fees</a> and <a href='{_FAR}/d.pdf'>the map</a>"
    many = f"{few}<p>All that a boat has to know before it comes to the gates for the first time is in {links}.</p>"
    text = read_article(tmp_path, many)
    assert "the form to all" in text
    assert f"the map ({_FAR}/d.pdf)" in text
