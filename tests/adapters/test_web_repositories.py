"""Archives of Git hosts are read through their redirects to other hosts, each of which is checked."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.web.reader import WebReader
from app.domain.addresses import NONE_ALLOWED
from app.domain.errors import PageNotAvailableError
from app.domain.repository_url import find_archive
from app.domain.web_url import WebUrl
from app.services.specs.source_archives import read_first
from tests.adapters.web_reading import MAX_BYTES, Names, fail, make_client, read
from tests.flows.zips import make_zip
from tests.web_server import WebServer, answer, redirect, serve

ARCHIVE = make_zip({"weir-main/gates.py": b"OPEN = True\n"})
HERE = [["127.0.0.1"]]
HOST, FILES, PRIVATE = "host.example", "files.example", "inner.example"


def serve_archive(server: WebServer, path: str) -> None:
    """Answer as a Git host does that sends archives itself."""
    server.pages[path] = answer(ARCHIVE, content_type="application/zip")


def serve_elsewhere(server: WebServer, path: str) -> None:
    """Answer as a Git host does that has another host for archives."""
    server.pages[path] = redirect(server.url("/keeper/weir/zip/refs/heads/main", FILES))
    server.pages["/keeper/weir/zip/refs/heads/main"] = answer(
        ARCHIVE, content_type="application/zip", content_disposition="attachment; filename=weir-main.zip"
    )


def serve_without_length(server: WebServer, path: str) -> None:
    """Answer as a Git host does that packs the archive while it sends it."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\nconnection: close\r\n\r\n"
    server.pages[path] = head + ARCHIVE


def locate_all(page: str, server: WebServer) -> list[str]:
    """The addresses that a repository's archive may have, on this server."""
    archive = find_archive(page, NONE_ALLOWED)
    found = [WebUrl.parse(url) for url in (archive.url, *archive.shorter_urls)]
    return [str(replace(url, scheme="http", host=HOST, port=server.port)) for url in found]


def locate(page: str, server: WebServer) -> str:
    """The first of them."""
    return locate_all(page, server)[0]


@pytest.mark.parametrize(
    ("page", "path", "answers"),
    [
        ("https://github.com/keeper/weir", "/keeper/weir/archive/HEAD.zip", serve_elsewhere),
        ("https://github.com/keeper/weir.git/", "/keeper/weir/archive/HEAD.zip", serve_elsewhere),
        ("https://github.com/keeper/weir/tree/a/b", "/keeper/weir/archive/a/b.zip", serve_elsewhere),
        ("https://gitlab.com/g/h/weir", "/g/h/weir/-/archive/HEAD/weir-HEAD.zip", serve_without_length),
        ("https://gitlab.com/g/h/weir/-/tree/a/b/", "/g/h/weir/-/archive/a/b/weir-a-b.zip", serve_without_length),
        ("https://bitbucket.org/keeper/weir/src/main/", "/keeper/weir/get/main.zip", serve_elsewhere),
        ("https://codeberg.org/keeper/weir/src/tag/v1", "/keeper/weir/archive/v1.zip", serve_archive),
        ("https://git.sr.ht/~keeper/weir", "/~keeper/weir/archive/HEAD.tar.gz", serve_without_length),
    ],
)
async def test_the_archive_of_a_page_is_read_where_the_host_has_it(
    tmp_path: Path, page: str, path: str, answers: object
) -> None:
    names = Names(host_example=HERE, files_example=HERE)
    with serve() as server:
        answers(server, path)  # type: ignore[operator]
        client = make_client(f"{HOST}, {FILES}", names=names)
        fetched = await read(locate(page, server), tmp_path, client)
        assert fetched.path.read_bytes() == ARCHIVE
        assert names.asked == [HOST] + [FILES] * (answers is serve_elsewhere)


@pytest.mark.parametrize(
    ("allowed", "location", "code"),
    [
        (HOST, "http://{files}/weir.zip", "url_not_allowed"),  # a name with a private address
        (HOST, "http://10.0.0.1/weir.zip", "url_not_allowed"),
        (HOST, "http://169.254.169.254/latest/meta-data", "url_not_allowed"),
        (HOST, "file:///etc/passwd", "url_not_allowed"),
        (HOST, "ssh://git@{files}/weir.git", "url_not_allowed"),
        (f"{HOST}, {FILES}", "http://{files}/next", "url_not_allowed"),  # the second hop
    ],
)
async def test_a_redirect_to_an_address_that_is_not_public_ends_the_reading(
    tmp_path: Path, allowed: str, location: str, code: str
) -> None:
    names = Names(host_example=HERE, files_example=HERE, inner_example=[["10.0.0.1"]])
    with serve() as server:
        server.pages["/keeper/weir/archive/HEAD.zip"] = redirect(location.format(files=f"{FILES}:{server.port}"))
        server.pages["/next"] = redirect(f"http://{PRIVATE}/weir.zip")
        server.pages["/weir.zip"] = answer(ARCHIVE, content_type="application/zip")
        client = make_client(allowed, names=names)
        error = await fail(locate("https://codeberg.org/keeper/weir", server), tmp_path, client)
        assert error.code == code
        assert not any("/weir.zip" in request.split("\r\n", 1)[0] for request in server.requests)


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("https://github.com/keeper/weir/tree/main/docs/adr", "/keeper/weir/archive/main.zip"),
        ("https://github.com/keeper/weir/tree/fix/gates/docs/adr/", "/keeper/weir/archive/fix/gates.zip"),
        ("https://gitlab.com/g/weir/-/tree/fix/gates/docs", "/g/weir/-/archive/fix/gates/weir-fix-gates.zip"),
        ("https://bitbucket.org/keeper/weir/src/main/docs/adr", "/keeper/weir/get/main.zip"),
        ("https://codeberg.org/keeper/weir/src/branch/main/docs", "/keeper/weir/archive/main.zip"),
        ("https://git.sr.ht/~keeper/weir/tree/main/item/docs", "/~keeper/weir/archive/main.tar.gz"),
    ],
)
async def test_a_folder_within_a_branch_gives_the_archive_of_the_branch(tmp_path: Path, page: str, path: str) -> None:
    with serve() as server:
        serve_archive(server, path)
        reader = WebReader(make_client(HOST, names=Names(host_example=HERE)), max_bytes=MAX_BYTES)
        url, fetched = await read_first(reader, locate_all(page, server), tmp_path)
        assert url.endswith(path)
        assert fetched.path.read_bytes() == ARCHIVE


async def test_a_deep_folder_costs_a_bounded_number_of_requests(tmp_path: Path) -> None:
    with serve() as server:
        reader = WebReader(make_client(HOST, names=Names(host_example=HERE)), max_bytes=MAX_BYTES)
        page = f"https://github.com/keeper/weir/tree/absent{'/folder' * 50}"
        with pytest.raises(PageNotAvailableError):
            await read_first(reader, locate_all(page, server), tmp_path)
        assert len(server.requests) == 6


async def test_a_branch_that_does_not_exist_is_said_to_be_unavailable(tmp_path: Path) -> None:
    with serve() as server:
        client = make_client(HOST, names=Names(host_example=HERE))
        error = await fail(locate("https://github.com/keeper/weir/tree/absent", server), tmp_path, client)
        assert error.code == "page_not_available"
