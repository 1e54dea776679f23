"""The links of web pages, for crawls, in valid and invalid markup."""

from pathlib import Path

import pytest

from app.domain.errors import InvalidUrlError
from app.pipeline.links import MAX_LINKS, Links, find_links
from tests.deadlines import within

_BASE = "https://example.com/docs/page"


def links(html: str, base_url: str = _BASE) -> list[str]:
    return find_links(html.encode(), base_url).urls


def test_links_are_absolute_normal_and_each_there_once() -> None:
    html = """<a href="next">1</a><a href="./next#part">2</a><A HREF='/a/../b?utm_source=x&amp;id=1'>3</A>
        <map><area href="//Other.example:443/x"></map><a href=" https://example.com/ü
        x ">4</a><a href="?page=2">5</a><a name="x">6</a><a href="#top">7</a>"""
    assert links(html) == [
        "https://example.com/docs/next",
        "https://example.com/b?id=1",
        "https://other.example/x",
        "https://example.com/%C3%BC%20%20%20%20%20%20%20%20x",
        "https://example.com/docs/page?page=2",
        "https://example.com/docs/page",
    ]


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@b.example",
        "javascript:void(0)",
        "tel:1",
        "ftp://a.example/",
        "data:,x",
        "http://[",
        "http://u@a.example/",
    ],
)
def test_what_is_no_web_address_is_left_out(href: str) -> None:
    assert links(f'<a href="{href}">x</a>') == []


@pytest.mark.parametrize(
    ("base", "url"),
    [
        *(("/other/", "https://example.com/other/x"), ("https://a.example/b/", "https://a.example/b/x")),
        *(("file:///etc/", "https://example.com/docs/x"), ("", "https://example.com/docs/x")),
    ],
)
def test_a_base_element_says_what_links_are_relative_to(base: str, url: str) -> None:
    assert links(f'<head><base target="_top"><base href="{base}"></head><a href="x">x</a>') == [url]


def test_the_first_base_element_counts() -> None:
    assert links('<base href="/a/"><base href="/b/"><a href="x">x</a>') == ["https://example.com/a/x"]


def test_links_a_page_does_not_vouch_for_are_left_out() -> None:
    assert links('<a rel="external NoFollow" href="/a">a</a><a rel="nofollowing" href="/b">b</a>') == [
        "https://example.com/b"
    ]


@pytest.mark.parametrize(
    ("content", "nofollow", "noindex"),
    [
        *(("nofollow", True, False), ("NOINDEX,follow", False, True), ("none", True, True), ("all", False, False)),
        *((" noindex , nofollow ", True, True), ("", False, False)),
    ],
)
def test_a_page_may_ask_not_to_be_followed_or_indexed(content: str, nofollow: bool, noindex: bool) -> None:
    found = find_links(f'<meta name=" Robots" content="{content}"><a href="/a">a</a>'.encode(), _BASE)
    assert (found.nofollow, found.noindex) == (nofollow, noindex)
    assert bool(found.urls) is not nofollow


def test_the_canonical_address_is_told_apart_from_links() -> None:
    html = b"""<link rel="stylesheet" href="/s.css"><link rel="Canonical" href="/real?utm_source=x">
        <link rel=canonical href=/no>"""
    assert find_links(html, _BASE) == Links(canonical="https://example.com/real")


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("utf-8", None), ("utf-8", "koi8-r"), ("koi8-r", "koi8-r"), ("utf-16", None), ("latin-1", "no-such")],
)
def test_links_are_read_in_the_pages_encoding(encoding: str, charset: str | None) -> None:
    word = "über" if encoding == "latin-1" else "да"
    html = f'<html><body><a href="/{word}">x</a></body></html>'.encode(encoding)
    assert len(find_links(html, _BASE, charset).urls) == 1
    if encoding != "latin-1":
        assert find_links(html, _BASE, charset).urls == ["https://example.com/%D0%B4%D0%B0"]


def test_a_page_in_a_file_is_read_alike(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b'<a href="/a">a</a>')
    assert find_links(tmp_path / "page", _BASE).urls == ["https://example.com/a"]


@pytest.mark.parametrize("data", [b"", b"   ", b"\x00\x01\x02", b"%PDF-1.7 \xff\xfe", b"plain text", b"<", b"<a href="])
def test_what_is_no_page_has_no_links(data: bytes) -> None:
    assert find_links(data, _BASE) == Links()


def test_a_base_address_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidUrlError):
        find_links(b"", "nowhere")


def test_two_thousand_links_are_enough() -> None:
    html = "".join(f'<a href="/{number}">x</a>' for number in range(MAX_LINKS + 1))
    assert len(links(html)) == MAX_LINKS


@pytest.mark.parametrize(
    "html",
    [
        b"<div>" * 1_000_000,
        b"<a " + b" ".join(b"a%d=1" % number for number in range(600_000)) + b" href=/a>",
        b"<a " + b"a=1 " * 1_000_000 + b" href=/a>",
        b"<!--" * 1_000_000,
        b"<a href='" * 500_000,
        b"<" * 8_000_000,
        b"&" * 8_000_000,
        b"<a href='/" + b"x" * 8_000_000 + b"'>",
        b"<a href=/x>" * 700_000,
        b"<script>" * 500_000,
        b"</p>" * 2_000_000,
        b"<b><p>" * 500_000,
    ],
    ids=[
        "deep",
        "attributes",
        "one attribute",
        "comments",
        "quotes",
        "angles",
        "ampersands",
        "long",
        "many",
        "scripts",
        "ends",
        "crossed",
    ],
)
def test_a_hostile_page_is_done_with_soon(html: bytes) -> None:
    with within(5.0):
        find_links(html, _BASE)
