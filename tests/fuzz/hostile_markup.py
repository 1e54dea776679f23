"""Web pages with deep nesting, expansion and false declarations."""

from tests.fuzz.case import Source

_DEEP = 100_000
_END = "<p>The heron of the lock waits for the barge.</p>"
_NAVIGATION = "<nav><a href='/'>Home</a></nav>"
_CHARSETS = [
    "utf-7",
    "idna",
    "punycode",
    "unicode_escape",
    "zlib_codec",
    "undefined",
    "mbcs",
    "utf-16",
    "cp037",
    "\udcff",
]


def _page(body: str, head: str = "") -> bytes:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode("utf-8", "surrogateescape")


def make() -> dict[str, Source]:
    """The files by their tricks."""
    return {**_make_nests(), **_make_sizes(), **_make_comments(), **_make_lies()}


def _make_nests() -> dict[str, bytes]:
    tags = [
        "div",
        "b",
        "a href=x",
        "font",
        "li",
        "ul",
        "table",
        "table><tr><td",
        "select",
        "svg",
        "template",
        "form",
        "p",
    ]
    return {
        **{f"{tag} in {tag}": _page(f"<{tag}>" * _DEEP + _END) for tag in tags},
        **{f"{tag} in {tag}, with navigation": _page(_NAVIGATION + f"<{tag}>" * 3000 + _END * 20) for tag in tags},
        "bold and links crossed": _page("<b><a href=x><i>" * 3000 + "</b></a></i>" * 3000 + _END),
        "elements closed that were never open": _page("</p></br></table>" * _DEEP + _END),
    }


def _make_sizes() -> dict[str, bytes]:
    many = " ".join(f"a{n}=x" for n in range(200_000))
    return {
        "element of too many attributes": _page(f"<p {many}>{_END}"),
        "elements of many attributes": _page(" ".join(f"<p {many[:60_000]}>" for _ in range(15)) + _END),
        "attribute of a megabyte": _page(f"<p title='{'x' * 1_000_000}' style='{'a:b;' * 50_000}'>{_END}"),
        "title of a megabyte": _page(_END, f"<title>{'x y ' * 300_000}</title>"),
        "word of a megabyte": _page(f"<p>{'x' * 1_000_000}</p>"),
        "space of a megabyte": _page(f"<p>a{' ' * 1_000_000}b</p>{_END}"),
        "lines of nothing": _page("<br>" * 250_000 + _END),
        "a hundred thousand cells": _page(f"<table>{'<tr><td>a<td>b' * 50_000}</table>"),
        "cells over cells": _page("<table><tr><td colspan=2000000000 rowspan=2000000000>x</table>" * 100 + _END),
        "links without end": _page("<a href=x>y</a>" * 60_000),
        "marks over marks": _page(f"<p>a{chr(0x301) * 400_000}</p>{_END}"),
        "flags over flags": _page(f"<p>{chr(0x1F1E6) * 200_000}</p>"),
        "sentences without end": _page(f"<p>{'A. ' * 300_000}</p>"),
        "joints without end": _page(f"<p>{'a-' * 300_000}</p><p>{'1,' * 200_000}</p>"),
        "bars without end": _page(f"<pre>{'|' * 300_000}</pre><pre>{'a | b' * 50_000}</pre>"),
    }


def _make_comments() -> dict[str, bytes]:
    return {
        "comments before everything": b"<!-- a -->" * 5000 + b"x",
        "comments before the page": b"<!-- a -->" * 5000 + _page(_END),
        "comments that do not end": b"<!-- " * 200_000,
        "comment that never ends": _page(f"<!--{_END * 1000}"),
        "script that never ends": _page(f"{_END}<script>{'a<b;' * 100_000}"),
        "instructions before everything": b"<?xml " * 100_000,
        "space before everything": b" \n" * 300_000 + b"<p>The heron waits.</p>",
        "nothing but angles": b"<" * 500_000,
        "nothing but ampersands": b"&" * 500_000 + b"&#" * 100_000,
        "entities of entities": b'<!DOCTYPE html [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + b"<p>&b;" * 1000,
    }


def _make_lies() -> dict[str, bytes]:
    return {
        **{f"charset {name!a}": _page(_END, f"<meta charset='{name}'>") for name in _CHARSETS},
        "characters that are none": _page("<p>&#0;&#xD800;&#x110000;&#xFFFF;&#99999999999999999999;</p>" * 5000 + _END),
        "bytes that are none": _page("<p>") + bytes(range(128, 256)) * 2000 + _END.encode(),
        "zeroes in tags": b"<html>\x00<bo\x00dy><p\x00>The heron \x00 waits.</p\x00>" * 1000,
        "metadata of zeroes": _page(
            _END, "<meta name='author' content='\x00&#0;\udced\udca0\udc80'><title>\x00\x01</title>"
        ),
        "metadata named by zeroes": _page(_END, "<meta name='\x00\udcff' content='x'>" * 1000),
        "language that is none": _page(_END).replace(b"<html>", b"<html lang='" + b"x\xff" * 5000 + b"'>"),
    }
