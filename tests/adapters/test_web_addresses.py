"""No page is read from a private host: by address, by name, by redirect, or by a name that changes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import httpcore
import pytest

from app.adapters.web.connection import CheckedBackend
from app.domain.addresses import NONE_ALLOWED, AllowedHosts
from app.domain.errors import PageUnreachableError, UrlNotAllowedError
from tests.adapters.web_reading import Names, fail, make_client, read
from tests.web_server import WebServer, answer, redirect, serve
from tests.web_tricks import INSIDE, NO_URL


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """Stands for a public server: only its address and port are allowed."""
    with serve() as running:
        yield running


class Dialler(httpcore.AsyncNetworkBackend):
    """Records connections without making them; addresses in ``dead`` do not answer."""

    def __init__(self, *dead: str) -> None:
        self.dialled: list[str] = []
        self._dead = dead

    async def connect_tcp(
        self,
        host: str,
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ASYNC109, ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if host in self._dead:
            raise httpcore.ConnectError
        return httpcore.AsyncMockStream([])


@pytest.mark.parametrize("url", INSIDE)
async def test_an_inside_host_is_not_read(url: str, tmp_path: Path) -> None:
    assert (await fail(url, tmp_path, make_client(""))).code == "url_not_allowed"


@pytest.mark.parametrize("url", NO_URL)
async def test_what_is_no_url_is_not_read(url: str, tmp_path: Path) -> None:
    assert (await fail(url, tmp_path, make_client(""))).code == "invalid_url"


@pytest.mark.parametrize("url", [url for url in INSIDE if url.isascii()])
async def test_a_redirect_to_an_inside_host_is_not_followed(url: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/away"] = redirect(url)
    error = await fail(server.url("/away"), tmp_path, make_client(f"127.0.0.1:{server.port}"))
    assert error.code == "url_not_allowed"
    assert not error.retryable


@pytest.mark.parametrize("hops", [2, 5])
async def test_the_last_of_many_redirects_is_checked_like_the_first(
    hops: int, server: WebServer, tmp_path: Path
) -> None:
    for hop in range(hops):
        server.pages[f"/hop{hop}"] = redirect(f"/hop{hop + 1}")
    server.pages[f"/hop{hops}"] = redirect("//169.254.169.254/latest/meta-data/")
    assert (
        await fail(server.url("/hop0"), tmp_path, make_client(f"127.0.0.1:{server.port}"))
    ).code == "url_not_allowed"


@pytest.mark.parametrize(
    "addresses",
    [
        *(["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fd00::1"], ["::ffff:127.0.0.1"]),
        *(["64:ff9b::7f00:1"], ["93.184.216.34", "127.0.0.1"], ["2606:4700::1111", "fe80::1"], ["100.100.100.200"]),
    ],
    ids="+".join,
)
async def test_a_name_with_an_inside_address_among_its_own_is_not_read(addresses: list[str], tmp_path: Path) -> None:
    error = await fail("http://public.example/", tmp_path, make_client("", names=Names(public_example=[addresses])))
    assert error.code == "url_not_allowed"
    assert not any(address in error.message for address in addresses), "strangers learn nothing of the inside"


async def test_a_name_is_asked_for_once_and_the_checked_address_is_connected_to(
    server: WebServer, tmp_path: Path
) -> None:
    names = Names(public_example=[["127.0.0.1"], ["127.0.0.2"]])
    server.pages["/"] = answer(b"public")
    with serve("127.0.0.2", server.port) as inside:
        inside.pages["/"] = answer(b"secret")
        page = await read(
            server.url(host="public.example"), tmp_path, make_client(f"127.0.0.1:{server.port}", names=names)
        )
    assert page.path.read_bytes() == b"public"
    assert names.asked == ["public.example"]
    assert inside.requests == []


async def test_a_name_that_changes_between_two_hops_is_checked_again(server: WebServer, tmp_path: Path) -> None:
    names = Names(public_example=[["127.0.0.1"], ["127.0.0.2"]])
    server.pages["/again"] = redirect("/")
    with serve("127.0.0.2", server.port) as inside:
        client = make_client(f"127.0.0.1:{server.port}", names=names)
        assert (await fail(server.url("/again", "public.example"), tmp_path, client)).code == "url_not_allowed"
    assert inside.requests == []


async def test_the_server_is_told_the_name_not_the_address(server: WebServer, tmp_path: Path) -> None:
    server.pages["/named"] = answer(b"x")
    client = make_client(f"127.0.0.1:{server.port}", names=Names(public_example=[["127.0.0.1"]]))
    await read(server.url("/named", "public.example"), tmp_path, client)
    assert f"\r\nHost: public.example:{server.port}\r\n" in server.requests[-1]


async def dial(host: str, names: Names, dialler: Dialler, allowed: AllowedHosts = NONE_ALLOWED) -> list[str]:
    await CheckedBackend(allowed, names, dialler).connect_tcp(host, 443, 1.0)
    return dialler.dialled


async def test_a_public_name_is_dialled_by_its_address() -> None:
    assert await dial("a.example", Names(a_example=[["93.184.216.34"]]), Dialler()) == ["93.184.216.34"]


async def test_an_address_that_does_not_answer_gives_way_to_the_other_kind() -> None:
    names = Names(a_example=[["2606:4700::1", "2606:4700::2", "93.184.216.34"]])
    assert await dial("a.example", names, Dialler("2606:4700::1")) == ["2606:4700::1", "93.184.216.34"]


async def test_a_server_none_of_whose_addresses_answer_is_unreachable() -> None:
    with pytest.raises(PageUnreachableError):
        await dial("a.example", Names(a_example=[["93.184.216.34"]]), Dialler("93.184.216.34"))


async def test_nothing_is_dialled_where_one_address_is_inside() -> None:
    dialler = Dialler()
    with pytest.raises(UrlNotAllowedError):
        await dial("a.example", Names(a_example=[["93.184.216.34", "10.0.0.1"]]), dialler)
    assert dialler.dialled == []


async def test_a_name_an_operator_allows_may_lead_inside() -> None:
    allowed = AllowedHosts.parse("wiki.corp")
    assert await dial("wiki.corp", Names(wiki_corp=[["10.0.0.1"]]), Dialler(), allowed) == ["10.0.0.1"]


async def test_a_name_without_an_address_is_unreachable(tmp_path: Path) -> None:
    error = await fail("http://nowhere.example/", tmp_path, make_client("", names=Names(nowhere_example=[[]])))
    assert (error.code, error.retryable) == ("page_unreachable", True)


async def test_the_system_resolver_answers_for_this_host(server: WebServer, tmp_path: Path) -> None:
    server.pages["/"] = answer(b"public")
    client = make_client(f"localhost:{server.port}")
    assert (await read(server.url(host="localhost"), tmp_path, client)).path.read_bytes() == b"public"
