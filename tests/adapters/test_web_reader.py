"""Pages of real servers and of hostile ones: each read ends in time, within limits and with its code."""

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.web_reading import MAX_BYTES, Names, fail, make_client, read
from tests.web_server import CERTIFICATE, Answer, WebServer, answer, drip, redirect, repeat, serve, stall

_PAGE = b"<!doctype html><title>T</title><p>Words."


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    """One server for all tests; each test has its own page."""
    with serve() as running:
        yield running


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


async def test_a_page_is_read_into_a_file(server: WebServer, tmp_path: Path) -> None:
    server.pages["/docs/intro"] = answer(_PAGE, content_type="Text/HTML; charset=ISO-8859-2")
    page = await read(server.url("/docs/intro#part"), tmp_path)
    assert page.path.read_bytes() == _PAGE
    assert page.path.is_relative_to(tmp_path)
    assert (page.url, page.filename) == (server.url("/docs/intro"), "intro.html")
    assert (page.media_type_hint, page.charset) == ("text/html", "iso8859-2")


async def test_the_request_carries_a_name_and_nothing_of_the_machine(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.pages["/first"] = answer(status="302 Found", location="/second", set_cookie="a=b")
    server.pages["/second"] = answer(_PAGE)
    await read(server.url("/first"), tmp_path)
    head = server.requests[-1].lower()
    assert "\r\nuser-agent: sluice/0" in head
    assert "\r\naccept-encoding: gzip, deflate\r\n" in head
    assert not any(f"\r\n{name}:" in head for name in ("cookie", "authorization", "referer", "proxy-connection"))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        *(("gzip", gzip.compress(_PAGE)), ("x-gzip", gzip.compress(_PAGE)), ("GZIP", gzip.compress(_PAGE))),
        *(("deflate", zlib.compress(_PAGE)), ("deflate", raw_deflate(_PAGE)), ("identity", _PAGE)),
        *(("gzip", gzip.compress(_PAGE[:9]) + gzip.compress(_PAGE[9:])), ("gzip", gzip.compress(_PAGE) + b"junk")),
    ],
    ids=["gzip", "x-gzip", "in capitals", "deflate", "deflate without a head", "none", "two members", "junk behind it"],
)
async def test_compression_is_undone(coding: str, body: bytes, server: WebServer, tmp_path: Path) -> None:
    server.pages["/packed"] = answer(body, content_encoding=coding)
    assert (await read(server.url("/packed"), tmp_path)).path.read_bytes() == _PAGE


async def test_a_page_that_inflates_in_many_pieces_is_whole(server: WebServer, tmp_path: Path) -> None:
    body = b"".join(b"%07d\n" % number for number in range(MAX_BYTES // 8))
    server.pages["/large"] = answer(gzip.compress(body), content_encoding="gzip")
    assert (await read(server.url("/large"), tmp_path)).path.read_bytes() == body


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, deflate", "compress", "x" * 5000])
async def test_other_compressions_are_refused_by_name(coding: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/odd"] = answer(_PAGE, content_encoding=coding)
    error = await fail(server.url("/odd"), tmp_path)
    assert (error.code, error.retryable) == ("unsupported_content_coding", False)
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("path", "headers", "filename"),
    [
        *(("/", {}, "page.html"), ("/a/b.pdf", {}, "b.pdf"), ("/a/", {}, "page.html")),
        *(("/x", {"content_type": "text/html"}, "x.html"), ("/x", {"content_type": "text/plain"}, "x")),
        *(("/%C3%BC.md", {}, "ü.md"), ("/..%2F..%2Fetc%2Fpasswd", {}, "passwd"), ("/a%5Cb.txt", {}, "b.txt")),
        ("/x", {"content_disposition": 'attachment; filename="report.pdf"'}, "report.pdf"),
        ("/x", {"content_disposition": "attachment; filename*=UTF-8''%e2%82%ac.pdf"}, "€.pdf"),
        ("/x", {"content_disposition": 'attachment; filename="../../.ssh/keys"'}, "keys"),
        ("/x", {"content_disposition": 'attachment; filename="été.pdf"'}, "été.pdf"),
        ("/x.txt", {"content_disposition": "attachment"}, "x.txt"),
        ("/x.txt", {"content_disposition": f'a; {"b=c;" * 9000} filename="y.pdf"'}, "x.txt"),
        (f"/{'n' * 1500}.pdf", {}, f"{'n' * 120}.pdf"),
    ],
)
async def test_a_page_has_the_name_its_server_gives_it(
    path: str, headers: dict[str, str], filename: str, server: WebServer, tmp_path: Path
) -> None:
    server.pages[path] = answer(_PAGE, **headers)
    assert (await read(server.url(path), tmp_path)).filename == filename


@pytest.mark.parametrize(
    ("stated", "charset"),
    [
        *(("text/html; charset=utf-8", "utf-8"), ('text/html; charset="KOI8-R"', "koi8-r"), ("text/html", None)),
        *(("text/html; charset=no-such", None), ("text/html; charset=", None), ("text/html; charset=\udcff", None)),
        *(
            ("text/html; charset=" + "x" * 9000, None),
            ("text/html; charset=a\tb", None),
            ("", None),
            ("nonsense", None),
        ),
    ],
)
async def test_an_odd_charset_is_left_out(stated: str, charset: str | None, server: WebServer, tmp_path: Path) -> None:
    server.pages["/charset"] = answer(_PAGE, content_type=stated)
    assert (await read(server.url("/charset"), tmp_path)).charset == charset


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        *(("404 Not Found", "page_not_available", False), ("403 Forbidden", "page_not_available", False)),
        *(("410 Gone", "page_not_available", False), ("304 Not Modified", "page_not_available", False)),
        *(("302 Found", "page_not_available", False), ("408 Request Timeout", "page_busy", True)),
        *(("425 Too Early", "page_busy", True), ("429 Too Many Requests", "page_busy", True)),
        *(("500 Internal Server Error", "page_unreachable", True), ("503 Unavailable", "page_unreachable", True)),
    ],
)
async def test_a_status_decides_whether_to_come_back(
    status: str, code: str, retryable: bool, server: WebServer, tmp_path: Path
) -> None:
    server.pages["/status"] = answer(b"Sorry.", status)
    error = await fail(server.url("/status"), tmp_path)
    assert (error.code, error.retryable) == (code, retryable)
    assert status[:3] in error.message


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        *(("17", 17), ("999999999999", 3600), ("Fri, 31 Dec 1999 23:59:59 GMT", 0), ("soon", None), ("-5", None)),
        *(("Fri, 31 Dec 2100 23:59:59 GMT", 3600), ("", None), ("²", None)),
    ],
)
async def test_the_time_a_server_asks_to_wait_is_told(
    stated: str, seconds: float | None, server: WebServer, tmp_path: Path
) -> None:
    server.pages["/later"] = answer(status="429 Too Many Requests", retry_after=stated)
    assert (await fail(server.url("/later"), tmp_path)).retry_after == seconds


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_followed_to_the_page(status: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/old/page"] = redirect("../new/./page?utm_source=x#part", status)
    server.pages["/new/page?utm_source=x"] = answer(_PAGE)
    assert (await read(server.url("/old/page"), tmp_path)).url == server.url("/new/page?utm_source=x")


async def test_ten_redirects_are_enough(server: WebServer, tmp_path: Path) -> None:
    for hop in range(11):
        server.pages[f"/r{hop}"] = redirect(f"/r{hop + 1}")
    server.pages["/r11"] = answer(_PAGE)
    assert (await read(server.url("/r1"), tmp_path)).url == server.url("/r11")
    assert (await fail(server.url("/r0"), tmp_path)).code == "too_many_redirects"


@pytest.mark.parametrize(
    ("target", "code"),
    [("/loop", "too_many_redirects"), ("http://[", "invalid_url"), (f"/{'x' * 5000}", "invalid_url")],
)
async def test_a_redirect_that_leads_nowhere_says_so(target: str, code: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/loop"] = redirect(target)
    assert (await fail(server.url("/loop"), tmp_path)).code == code


_ENDLESS = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"
_BOMB = gzip.compress(bytes(64 * MAX_BYTES))
_EMPTY_BLOCKS = b"\x00\x00\x00\xff\xff" * 10_000
_EMPTY_MEMBERS = gzip.compress(b"") * 1000
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
_TOO_LARGE: dict[str, Answer] = {
    "a stated length": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
    "an endless body": repeat(_ENDLESS + b"\r\n", b"x" * 65536),
    "endless chunks": repeat(_ENDLESS + b"transfer-encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n"),
    "a gzip bomb": answer(_BOMB, content_encoding="gzip"),
    "a deflate bomb": answer(zlib.compress(bytes(64 * MAX_BYTES)), content_encoding="deflate"),
    "empty blocks": repeat(_ENDLESS + b"content-encoding: gzip\r\n\r\n" + _GZIP_HEAD, _EMPTY_BLOCKS),
    "empty members": repeat(_ENDLESS + b"content-encoding: gzip\r\n\r\n", _EMPTY_MEMBERS),
    "an endless header": repeat(_ENDLESS, b"x-filler: " + b"y" * 1000 + b"\r\n"),
    "one endless header line": repeat(_ENDLESS + b"x-filler: ", b"y" * 65536),
    "an endless status line": repeat(b"HTTP/1.1 200 ", b"y" * 65536),
    "an endless trailer": repeat(_ENDLESS + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-filler: y\r\n" * 1000),
    "an endless chunk header": repeat(_ENDLESS + b"transfer-encoding: chunked\r\n\r\n1;", b"x" * 65536),
}


@pytest.mark.parametrize("trick", _TOO_LARGE)
async def test_what_never_ends_is_cut_off_in_little_memory(trick: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/large"] = _TOO_LARGE[trick]
    tracemalloc.start()
    error = await fail(server.url("/large"), tmp_path, seconds=15)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (error.code, error.retryable) == ("response_too_large", False)
    assert peak < 8 * MAX_BYTES
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * MAX_BYTES  # noqa: ASYNC240 - a few entries


async def test_the_limit_itself_still_fits(server: WebServer, tmp_path: Path) -> None:
    server.pages["/fits"] = answer(bytes(1000))
    assert (await read(server.url("/fits"), tmp_path, max_bytes=1000)).path.stat().st_size == 1000


_SLOW: dict[str, Answer] = {
    "says nothing": stall,
    "drips": drip,
    "sends a byte a chunk": repeat(_ENDLESS + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
    "never gets to the answer": repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}


@pytest.mark.parametrize("trick", _SLOW)
async def test_a_slow_server_is_left_when_the_time_is_up(trick: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/slow"] = _SLOW[trick]
    error = await fail(server.url("/slow"), tmp_path, make_client(time_limit=0.5))
    assert (error.code, error.retryable) == ("page_unreachable", True)
    assert "longer than 0.5 seconds" in error.message


async def test_all_redirects_together_have_one_time_limit(server: WebServer, tmp_path: Path) -> None:
    def delay(connection: socket.socket, closing: threading.Event) -> None:
        closing.wait(0.2)
        connection.sendall(redirect("/slow-hop"))

    server.pages["/slow-hop"] = delay
    error = await fail(server.url("/slow-hop"), tmp_path, make_client(time_limit=0.5))
    assert (error.code, error.retryable) == ("page_unreachable", True)


_BROKEN: dict[str, bytes] = {
    "closes at once": b"",
    "closes within the header": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "promises more than it sends": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfew",
    "closes within a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nfew",
    "states two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nfour",
    "states no length": b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nfour",
    "is no web server": b"SSH-2.0-OpenSSH_9.6\r\n",
    "cuts the gzip": answer(gzip.compress(_PAGE)[:-12], content_encoding="gzip"),
    "damages the gzip": answer(_GZIP_HEAD + b"\xff" * 40, content_encoding="gzip"),
    "sends no gzip at all": answer(_PAGE, content_encoding="gzip"),
    "hides a NUL in the header": b"HTTP/1.1 200 OK\r\nx: \x00\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("trick", _BROKEN)
async def test_a_server_that_breaks_off_is_tried_again_later(trick: str, server: WebServer, tmp_path: Path) -> None:
    server.pages["/broken"] = _BROKEN[trick]
    error = await fail(server.url("/broken"), tmp_path)
    assert (error.code, error.retryable) == ("page_unreachable", True)


async def test_a_stated_length_is_all_that_is_read(server: WebServer, tmp_path: Path) -> None:
    server.pages["/more"] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nonly three"
    assert (await read(server.url("/more"), tmp_path)).path.read_bytes() == b"onl"


async def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await fail(f"http://127.0.0.1:{taken.getsockname()[1]}/", tmp_path)
    assert (error.code, error.retryable) == ("page_unreachable", True)


@pytest.mark.parametrize(("host", "code"), [("other.example", "page_unreachable"), ("public.example", None)])
async def test_a_certificate_must_be_vouched_for_and_of_the_name(
    host: str, code: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(tls=True) as secure:
        secure.pages["/"] = answer(_PAGE)
        url = f"https://{host}:{secure.port}/"
        names = Names(public_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
        assert (await fail(url, tmp_path, make_client(names=names))).code == "page_unreachable"
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        trusting = make_client(names=names)
        if code:
            assert (await fail(url, tmp_path, trusting)).code == code
        else:
            assert (await read(url, tmp_path, trusting)).path.read_bytes() == _PAGE
        assert set(secure.names) == {host}


async def test_a_full_disk_is_named(server: WebServer, tmp_path: Path) -> None:
    (tmp_path / "page").symlink_to("/dev/full")
    server.pages["/full"] = answer(_PAGE)
    assert (await fail(server.url("/full"), tmp_path)).code == "storage_full"
