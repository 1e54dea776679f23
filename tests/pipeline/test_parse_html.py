from pathlib import Path

import pytest

from app.domain.documents import Parsed
from app.domain.errors import ParseLimitExceededError
from app.domain.media import HTML
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits

_ARTICLE = "".join(
    f"<p>Paragraph {number} tells of barges, locks and the price of coal in winter.</p>" for number in range(9)
)


def read(folder: Path, markup: str | bytes) -> Parsed:
    path = folder / "page.html"
    path.write_bytes(markup.encode() if isinstance(markup, str) else markup)
    return parse(path, HTML)


def test_a_page_without_navigation_keeps_every_word_a_reader_sees(tmp_path: Path) -> None:
    markup = (
        "<head><title>T</title><style>hid1</style></head><body><h1>Locks</h1>a<b>b</b> c<br>d<script>hid2</script>"
        "<ul><li>one<li>two</ul><table><tr><td>x<td>y</table><div hidden>hid3</div><p style='display: none'>hid4</p>"
        "<pre>k  l\n  m</pre><template>hid5</template><img alt='a barge'></body>"
    )
    text = read(tmp_path, markup).pages[0].text
    assert text.split("\n\n") == ["Locks", "ab c\nd", "- one\n- two", "x | y", "k  l\n  m", "a barge"]


def test_empty_cells_keep_the_others_under_their_headers(tmp_path: Path) -> None:
    markup = "<table><tr><th><th>1870<th>1871<th></tr><tr><td>Coal<td><td>9<td></tr><tr><td><td>alone</table>"
    assert read(tmp_path, markup).pages[0].text == " | 1870 | 1871\nCoal |  | 9\n | alone"


def test_teasers_below_an_article_go(tmp_path: Path) -> None:
    teaser = "<div class='article-bottom'><p>Another story of locks and barges.</p></div>"
    page = f"<body><nav><a href='/'>Home</a></nav><article>{_ARTICLE}{teaser}</article>"
    text = read(tmp_path, page).pages[0].text
    assert "Paragraph 8 tells" in text
    assert "Another story" not in text


def test_an_article_that_looks_like_a_teaser_stays(tmp_path: Path) -> None:
    parts = _ARTICLE.split("</p>", 2)
    page = f"<article>{'</p>'.join(parts[:2])}</p><div class='article-bottom'>{parts[2]}</div></article>"
    assert "Paragraph 8 tells" in read(tmp_path, f"<body><nav><a href='/'>Home</a></nav>{page}").pages[0].text


def test_an_article_is_freed_of_the_navigation_around_it(tmp_path: Path) -> None:
    links = "".join(f"<li><a href='/{number}'>Section {number}</a></li>" for number in range(9))
    markup = (
        f"<html><body><nav><ul>{links}</ul></nav><article><h1>Coal</h1>{_ARTICLE}</article><footer>Imprint</footer>"
    )
    text = read(tmp_path, markup).pages[0].text
    assert "Paragraph 8 tells" in text
    assert "Section 3" not in text


def test_where_little_would_remain_the_whole_body_is_kept(tmp_path: Path) -> None:
    markup = "<body><nav><a href='/'>Home</a></nav><p>Short note.</p><footer>Imprint</footer></body>"
    assert read(tmp_path, markup).pages[0].text.split() == ["Home", "Short", "note.", "Imprint"]


def test_what_a_page_says_of_itself_becomes_metadata(tmp_path: Path) -> None:
    markup = (
        "<html lang='de'><head><title> Der  Kanal </title><meta name='author' content='Ada'>"
        "<meta property='article:published_time' content='2024-05-01'></head><body>Text"
    )
    assert read(tmp_path, markup).metadata == {
        "title": "Der Kanal",
        "author": "Ada",
        "date": "2024-05-01",
        "language": "de",
    }


@pytest.mark.parametrize(
    ("encoding", "label"),
    [("shift_jis", "Shift_JIS"), ("iso2022_jp", "iso-2022-jp"), ("utf-16", "utf-8"), ("utf-8", "x")],
)
def test_a_mark_or_the_declared_encoding_decides(tmp_path: Path, encoding: str, label: str) -> None:
    markup = f"<html><head><meta charset='{label}'></head><body>劇場に行きました</body></html>"
    assert read(tmp_path, markup.encode(encoding)).pages[0].text == "劇場に行きました"


def test_deep_nesting_hides_no_word(tmp_path: Path) -> None:
    assert read(tmp_path, "<div>" * 1500 + "deep" + "</div>" * 1500).pages[0].text == "deep"


def test_a_million_attributes_are_refused_before_they_are_compared(tmp_path: Path) -> None:
    markup = "<body><p " + " ".join(f"a{number}=1" for number in range(20_000)) + ">x</p>"
    with pytest.raises(ParseLimitExceededError):
        read(tmp_path, markup)


def test_a_file_beyond_the_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("<p>long</p>")
    with pytest.raises(ParseLimitExceededError):
        parse(tmp_path / "a", HTML, limits=Limits(markup_bytes=5))
