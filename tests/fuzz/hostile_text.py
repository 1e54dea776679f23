"""Mail, RTF, tables, Markdown, text and source code with deep nesting, expansion and false declarations."""

import base64

from tests.fuzz.case import Source

Made = dict[tuple[str, str], Source]

_DEEP = 100_000
_MAIL = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\nSubject: Herons\r\n"
_TEXT = b"The heron of the lock waits for the barge.\r\n"


def make() -> Made:
    """The files by format and trick."""
    return {**_make_rtf(), **_make_mail(), **_make_tables(), **_make_markdown(), **_make_text(), **_make_programs()}


def _make_rtf() -> Made:
    words = {
        "groups in groups": "{" * _DEEP,
        "groups closed that were never open": "}" * _DEEP + "x",
        "bytes beyond the end": r"\bin2147483647 x",
        "fewer bytes than none": r"\bin-5 x" * 1000,
        "characters that are none": r"\u-99999 ?\u99999999 ?\u55296 ?" * 5000,
        "replacements without end": r"\uc2147483647\u65 x",
        "code page that is none": r"\ansicpg99999\'ff" * 5000,
        "font of a code page that is none": r"{\fonttbl{\f0\fcharset999 x;}}\f0\'ff\f99999\'ff",
        "words of digits": r"\b9999999999" * 5000,
        "tables in tables": r"\trowd\intbl\itap99999 x\nestcell" * 5000,
        "title of zeroes": r"{\info{\title \u0 ?\'00\u55296 ?}}x",
    }
    return {("rtf", title): f"{{\\rtf1\\ansi {word} The heron waits.}}".encode() for title, word in words.items()}


def _nest_parts(depth: int) -> bytes:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (number, number) for number in range(depth)
    )
    return _MAIL + b"MIME-Version: 1.0\r\n" + parts + b"Content-Type: text/plain\r\n\r\n" + _TEXT


def _make_mail() -> Made:
    mime = _MAIL + b"MIME-Version: 1.0\r\n"
    noise = base64.b64encode(bytes(range(256)) * 1000)
    files = {
        "parts in parts": _nest_parts(3000),
        "messages in messages": b"".join(mime + b"Content-Type: message/rfc822\r\n\r\n" for _ in range(2000)) + _TEXT,
        "header of a megabyte": _MAIL + b"X: " + b"a " * 500_000 + b"\r\n\r\n" + _TEXT,
        "a hundred thousand headers": _MAIL + b"X: a\r\n" * 60_000 + b"\r\n" + _TEXT,
        "subject of encoded words": _MAIL.replace(b"Herons", b"=?utf-8?Q?=ED=A0=80=00?= " * 3000) + b"\r\n" + _TEXT,
        "subject in a charset that is none": _MAIL.replace(b"Herons", b"=?x-none?B?////?= =?idna?Q?=FF?=")
        + b"\r\n"
        + _TEXT,
        "charset that is none": mime + b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800\\x00 " + _TEXT,
        "charset of zeroes": mime + b'Content-Type: text/plain; charset="\x00\xff"\r\n\r\n' + _TEXT,
        "base64 that is none": mime + b"Content-Transfer-Encoding: base64\r\n\r\n" + noise[:-3] + b"!!!",
        "uuencode that is none": mime + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\nZZZZ\r\nend",
        "parameters without end": mime + b"Content-Type: text/plain" + b"; a*0*=x" * 5000 + b"\r\n\r\n" + _TEXT,
        "boundary of nothing": mime + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n--\r\n' + _TEXT,
        "parts without number": mime
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * 30_000,
        "date that is none": mime + b"Date: " + b"9" * 5000 + b"\r\n\r\n" + _TEXT,
        "addresses without end": mime + b"To: " + b"(" * 20_000 + b"<" * 20_000 + b"\r\n\r\n" + _TEXT,
        "page of nested blocks": mime + b"Content-Type: text/html\r\n\r\n" + b"<div>" * _DEEP,
    }
    return {("eml", title): data for title, data in files.items()}


def _make_tables() -> Made:
    files = {
        "quote that never ends": b'a,b\n"' + b"x,\n" * 300_000,
        "cell of a megabyte": b'a,b\n"' + b"x" * 1_000_000 + b'",2\n',
        "columns without end": b",".join(b"%d" % n for n in range(150_000)) + b"\n1,2\n",
        "rows without end": b"a,b\n" * 200_000,
        "nothing but separators": b"," * 500_000 + b"\n" + b";" * 500_000,
        "nothing but quotes": b'"' * 500_001,
        "zeroes": b"a,b\n\x00,\x00\n" * 1000,
        "returns": b"a,b\r" * 50_000,
        "every kind of separator": b"a,b;c\td|e\n" * 20_000,
    }
    return {("csv", title): data for title, data in files.items()}


def _make_markdown() -> Made:
    files = {
        "front matter without end": b"---\n" + b"title: x\n" * 100_000,
        "front matter of entities": b"---\ntitle: &a [*a, *a]\nauthor: \x00\xff\n---\n# Heron\n",
        "quotes in quotes": b">" * 500_000 + b" heron",
        "brackets in brackets": b"[" * 300_000 + b"](" * 100_000,
        "stars": b"*_" * 300_000 + b"heron",
        "headings": b"# a\n" * 200_000,
        "fences": b"```\n" * 200_000,
        "tables": b"| a | b |\n" * 100_000,
        "rules": b"| --- |\n" * 50_000 + b"|" * 500_000,
    }
    return {("md", title): data for title, data in files.items()}


def _make_text() -> Made:
    files = {
        "zeroes": bytes(500_000),
        "mark of an encoding and nothing": b"\xff\xfe",
        "half a character of UTF-16": b"\xff\xfea\x00\x00\xd8b",
        "UTF-32 that is none": b"\xff\xfe\x00\x00" + b"\xff" * 4001,
        "one word": b"x" * 1_400_000,
        "one word of a script without spaces": "鷺".encode() * 400_000,
        "marks over marks": ("a" + "\u0301" * 600_000).encode(),
        "joined without end": ("\U0001f469\u200d" * 100_000).encode(),
        "flags": ("\U0001f1e6" * 200_000).encode(),
        "Khmer stacks": ("\u1780\u17d2" * 150_000).encode(),
        "lines of one sign": b".\n" * 500_000,
        "stops": b". " * 500_000,
        "initials": b"A. B. Mr. e.g. " * 60_000,
        "spaces": b"a" + b" " * 1_300_000 + b"b",
        "tabs and returns": b"\t\r\x0b\x0c" * 200_000 + b"heron",
        "compounds": b"a-b.c'd/e:f@g+h&i_jK" * 60_000,
        "figures": b"1,2,3." * 200_000,
        "not quite a mail": b"From: a\nMIME-Version: \n" + b"X-Y: z\n" * 100_000,
        "a new word each": b" ".join(b"w%d" % n for n in range(150_000)),
        "bytes of chance": bytes((n * 7919 + n // 251) % 256 for n in range(300_000)),
    }
    return {("txt", title): data for title, data in files.items()}


def _make_programs() -> Made:
    laughs = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>"
    return {
        ("json", "brackets in brackets"): b"[" * 500_000,
        ("json", "objects in objects"): b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        ("json", "number without end"): b"[" + b"9" * 500_000 + b"]",
        ("xml", "laughs"): laughs * 1000,
        ("xml", "elements in elements"): b"<a>" * 200_000,
        ("yaml", "anchors"): b"a: &a [x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (n, n) for n in range(5000)),
        ("py", "an encoding that is none"): b"# coding: unicode_escape\nx = '\\ud800\\x00'\n" * 1000,
        ("py", "brackets"): b"(" * 300_000,
    }
