# ruff: noqa: RUF001 - characters that look like others are the point

"""URLs have one canonical form, and internal hosts are rejected in every notation."""

from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.addresses import AllowedHosts, is_public
from app.domain.errors import (
    InvalidUrlError,
    PageBusyError,
    PageNotAvailableError,
    PageUnreachableError,
    UrlNotAllowedError,
)
from app.domain.web import CrawlScope, check_status, check_url, normalise_url
from tests.web_tricks import INSIDE, NO_URL

_SAME = [
    ("HTTP://Example.COM", "http://example.com/"),
    ("https://example.com:443/a", "https://example.com/a"),
    ("http://example.com:80", "http://example.com/"),
    ("http://example.com:8080/", "http://example.com:8080/"),
    ("https://example.com:/a", "https://example.com/a"),
    ("https://example.com./a", "https://example.com/a"),
    ("https://example.com/a#part", "https://example.com/a"),
    ("https://example.com?x=1", "https://example.com/?x=1"),
    ("https://example.com/?", "https://example.com/"),
    ("https://example.com/a/./b/../c", "https://example.com/a/c"),
    ("https://example.com/a/b/..", "https://example.com/a/"),
    ("https://example.com/../../a", "https://example.com/a"),
    ("https://example.com/a/%2e%2E/b", "https://example.com/b"),
    ("https://example.com/%7euser/%c3%a4%2f", "https://example.com/~user/%C3%A4%2F"),
    ("https://example.com/ä b|c", "https://example.com/%C3%A4%20b%7Cc"),
    ("https://example.com/100%", "https://example.com/100%25"),
    ("https://example.com/a?b=2&a=1&a=0", "https://example.com/a?b=2&a=1&a=0"),
    ("https://example.com/?utm_source=x&id=7&UTM_Medium=y&gclid=1&fbclid", "https://example.com/?id=7"),
    ("https://example.com/?utm_source=x", "https://example.com/"),
    ("https://example.com/?q=utm_source", "https://example.com/?q=utm_source"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/"),
    ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
    ("https://straße.example/", "https://xn--strae-oqa.example/"),
    ("https://例え。テスト/", "https://xn--r8jz45g.xn--zckzah/"),
    ("https://ｅｘａｍｐｌｅ.com/", "https://example.com/"),
    ("https://ex%61mple.com/", "https://example.com/"),
    ("http://[2606:4700:0:0::1111]/", "http://[2606:4700::1111]/"),
    ("http://0x08.8.8.8/", "http://8.8.8.8/"),
    ("  https://example.com/  ", "https://example.com/"),
]


@pytest.mark.parametrize(("url", "normal"), _SAME, ids=[url for url, _ in _SAME])
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert normalise_url(url) == normal


@given(
    st.builds(
        lambda host, port, path, query: f"http://{host}{port}/{path}?{query}",
        st.sampled_from(["Example.com", "8.8.8.8", "bücher.example.", "[2606:4700::1]", "0x8.8"]),
        st.sampled_from(["", ":80", ":8080"]),
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40),
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40),
    )
)
def test_the_one_form_stays_as_it_is(url: str) -> None:
    normal = normalise_url(url)
    assert normalise_url(normal) == normal
    assert normal.isascii()


@given(st.text(max_size=80), st.sampled_from(["", "http://", "https://[", "http://a:", "http://%"]))
def test_whatever_is_given_is_read_or_refused(text: str, start: str) -> None:
    with suppress(InvalidUrlError, UrlNotAllowedError):
        normalise_url(start + text)


@pytest.mark.parametrize("url", INSIDE)
def test_an_inside_host_is_refused_in_every_disguise(url: str) -> None:
    with pytest.raises(UrlNotAllowedError):
        check_url(url)


@pytest.mark.parametrize("url", NO_URL)
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://example.com/", "http://8.8.8.8/", "http://134744072/", "http://[2606:4700::1111]:8443/x"),
        *("http://[::ffff:8.8.8.8]/", "http://[64:ff9b::808:808]/", "http://localhost.example.com/"),
        "http://127.0.0.1.example.com/",
    ],
)
def test_a_public_host_is_read(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(("1.1.1.1", True), ("100.63.255.255", True), ("100.64.0.1", False), ("172.32.0.1", True)),
        *(("172.31.255.255", False), ("192.0.0.9", False), ("223.255.255.255", True), ("224.0.0.1", False)),
        *(("255.255.255.255", False), ("168.63.129.16", False), ("2a00:1450::1", True), ("fe80::1", False)),
        *(("::", False), ("::1", False), ("::8.8.8.8", False), ("::ffff:10.0.0.1", False), ("::ffff:1.1.1.1", True)),
        *(("64:ff9b::a00:1", False), ("64:ff9b::101:101", True), ("64:ff9b:1::101:101", False)),
        *(("2001::1", False), ("2001:db8::1", False), ("2002:808:808::1", False), ("fd00:ec2::254", False)),
        *(("ff02::1", False), ("fec0::1", False), ("100::1", False), ("3fff::1", False), ("5f00::1", False)),
    ],
)
def test_addresses_are_public_by_the_registries(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


def test_an_operator_allows_inside_hosts_by_name_address_and_network() -> None:
    allowed = AllowedHosts.parse("wiki.corp, git.corp:8443, 10.1.2.3, [fd00::1]:80, 172.16.0.0/12")
    for url in (
        *("http://wiki.corp/", "https://WIKI.corp:444/", "https://git.corp:8443/", "http://10.1.2.3:99/"),
        *("http://[fd00::1]/", "http://172.20.0.1/", "http://[::ffff:172.20.0.1]/"),
    ):
        check_url(url, allowed)


@pytest.mark.parametrize("url", ["http://10.1.2.4/", "http://[fd00::1]:81/", "http://127.0.0.1/", "ftp://10.1.2.3/"])
def test_what_an_operator_did_not_allow_stays_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowedError):
        check_url(url, AllowedHosts.parse("wiki.corp, 10.1.2.3, [fd00::1]:80"))


def test_a_name_may_lead_into_an_allowed_network_but_an_allowed_address_vouches_for_no_name() -> None:
    check_url("http://wiki.internal/", AllowedHosts.parse("10.0.0.0/8"))
    with pytest.raises(UrlNotAllowedError):
        check_url("http://wiki.internal/", AllowedHosts.parse("10.0.0.1"))


def test_a_name_allowed_at_one_port_is_refused_at_another() -> None:
    with pytest.raises(UrlNotAllowedError):
        check_url("https://git.internal/", AllowedHosts.parse("git.internal:8443"))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "a b", "host:0", "host:70000", "http://host", "[::1", "1.2.3.4.5"])
def test_a_list_of_allowed_hosts_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        AllowedHosts.parse(f"wiki.corp,{text}")


@pytest.mark.parametrize(
    ("url", "depth", "inside"),
    [
        *(("https://example.com/docs/a", 0, True), ("https://www.example.com/docs/a", 2, True)),
        *(("http://example.com/docs/a", 1, True), ("https://example.com:8443/docs/a", 1, False)),
        *(("https://example.com/docs/a", 3, False), ("https://sub.example.com/docs/a", 1, False)),
        *(("https://example.com.evil.org/docs/a", 1, False), ("https://example.com/blog", 1, False)),
        *(("https://example.com/docs/private/x", 1, False), ("https://example.com/docs/a?print=1", 1, False)),
        *(("https://example.com/docs/../private", 1, False), ("ftp://example.com/docs/a", 1, False)),
        *(("https://example.com/docs/%C3%BCber", 1, False), ("nonsense", 0, False)),
    ],
)
def test_a_crawl_stays_within_its_scope(url: str, depth: int, inside: bool) -> None:
    scope = CrawlScope("https://www.example.com/", 2, ["/docs/*"], ["*/private/*", "*[?]print=*", "/docs/über"])
    assert scope.allows(url, depth) is inside


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((301, PageNotAvailableError), (404, PageNotAvailableError), (204, PageNotAvailableError)),
        *((408, PageBusyError), (425, PageBusyError), (429, PageBusyError)),
        *((500, PageUnreachableError), (503, PageUnreachableError), (999, PageNotAvailableError)),
    ],
)
def test_an_answer_without_a_page_says_whether_to_come_back(status: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=str(status)):
        check_status(status)
