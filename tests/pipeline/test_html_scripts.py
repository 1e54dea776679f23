"""Pages that a script writes, and markup that is hard to read."""

from pathlib import Path

import pytest

from app.domain.errors import NoExtractableTextError
from tests.pipeline.pages import read_body, read_text

_SCRIPT = "<script src='/static/app.js'></script>"


@pytest.mark.parametrize(
    "markup",
    [
        f"<div id=root></div>{_SCRIPT}",
        f"<div id=__next></div><script id=__NEXT_DATA__ type='application/json'>{{}}</script>{_SCRIPT}",
        f"<noscript>You need to enable JavaScript to run this app.</noscript><div id=root></div>{_SCRIPT}",
        f"<div id=root>This site requires JavaScript.</div>{_SCRIPT}",
        f"<b>Sorry, boats doesn't work properly without JavaScript enabled. Please enable it.</b>{_SCRIPT}",
        f"<p>Bitte aktivieren Sie JavaScript in Ihrem Browser.</p>{_SCRIPT}",
        f"<p>Veuillez activer JavaScript.</p>{_SCRIPT}",
        f"<p>请启用JavaScript</p>{_SCRIPT}",
        f"<div id=app>Loading…</div>{_SCRIPT}",
        f"<h1>Please wait...</h1>{_SCRIPT}",
        f"<header>Acme</header><div id=app></div>{_SCRIPT}",
        "<script>document.write('x')</script>",
    ],
)
def test_a_page_that_a_script_writes_says_how_to_get_its_text(tmp_path: Path, markup: str) -> None:
    with pytest.raises(NoExtractableTextError, match=r"JavaScript.*Firecrawl"):
        read_body(tmp_path, markup)


def test_a_page_that_only_forwards_names_the_other_address(tmp_path: Path) -> None:
    head = "<head><meta http-equiv=refresh content='0;URL=https://new.example.org/a'></head>"
    with pytest.raises(NoExtractableTextError, match=r"new\.example\.org/a"):
        read_text(tmp_path, f"<html>{head}<body>Redirecting...</body></html>")


@pytest.mark.parametrize(
    "markup",
    [
        f"<p>Loading docks are closed on Monday.</p>{_SCRIPT}",
        "<p>To enable JavaScript, open the settings.</p>",
        f"<p>Boats need a permit.</p><noscript>Enable JavaScript for the map.</noscript>{_SCRIPT}",
        f"<div id=root><p>Rendered by the server.</p></div>{_SCRIPT}",
        f"<p>Short.</p>{_SCRIPT}",
    ],
)
def test_a_page_with_text_is_read_whatever_it_says_of_scripts(tmp_path: Path, markup: str) -> None:
    assert read_body(tmp_path, markup)


def test_files_written_into_the_text_are_left_out(tmp_path: Path) -> None:
    data = "aB3/" * 500
    markup = f"<p>seen</p><img src='data:image/png;base64,{data}' alt='chart'><pre>data:image/png;base64,{data}</pre>"
    assert read_body(tmp_path, f"{markup}<p>{data}</p>") == "seen\n\nchart"


@pytest.mark.parametrize("tag", ["div", "span", "font", "blockquote", "section"])
@pytest.mark.parametrize("depth", [2_100, 20_000])
def test_nesting_of_any_depth_hides_no_word(tmp_path: Path, tag: str, depth: int) -> None:
    markup = (
        f"<{tag}>" * depth + "deep" + f"</{tag}>" * depth + "<p>after</p><table><tr><td>a<td>b<tr><td>c<td>d</table>"
    )
    assert read_body(tmp_path, markup).split() == ["deep", "after", "a", "|", "b", "c", "|", "d"]


@pytest.mark.parametrize("start", ["<table><tr><td>", "<ul><li>", "<b><i>", "<dl><dd>"])
def test_unclosed_nesting_of_any_depth_hides_no_word(tmp_path: Path, start: str) -> None:
    assert "deep" in read_body(tmp_path, start * 5_000 + "deep")
