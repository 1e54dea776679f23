"""Mutations of text with a syntax: tags, entities, encodings, quotes."""

import re
from random import Random

from tests.fuzz.bytes_mutations import NUMBERS

_ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-7", "cp037", "shift_jis", "iso2022_jp", "koi8_r", "cp1252")
_DECLARED = (b"utf-7", b"idna", b"punycode", b"unicode_escape", b"zlib_codec", b"undefined", b"utf-16", b"x-unknown")
_MARKS = [
    *(b"&#0;", b"&#x110000;", b"&#xD800;", b"&lol9;", b"&amp" * 50, b"<![CDATA[", b"<!--", b"-->", b"<?xml ", b"]]>"),
    *(b"\x00", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe", "\u202e".encode(), "é̂".encode() * 100),
    *(b'"', b"'", b"{", b"}", b"\\bin99999999 ", b"\\u-99999 ", b"=?utf-8?B?////?=", b"\r\n\r\n", b"--=", b"|" * 50),
]


def mutate(random: Random, data: bytes) -> tuple[bytes, str]:
    """The file mutated, and how."""
    mutation = random.choice(_MUTATIONS)
    return mutation(random, data), mutation.__name__


def insert_marks(random: Random, data: bytes) -> bytes:
    """Marks where they do not belong."""
    for _ in range(random.choice((1, 5, 50))):
        at = random.randrange(len(data) + 1)
        data = data[:at] + random.choice(_MARKS) + data[at:]
    return data


def repeat_mark(random: Random, data: bytes) -> bytes:
    """One tag, group or mark very often, none of them closed."""
    found = re.findall(rb"<[a-zA-Z][^>]{0,80}>|\\[a-z]+|[{>#\[(*]", data) or [b"<b>"]
    at = random.randrange(len(data) + 1)
    mark: bytes = random.choice([*found, *_MARKS])
    return data[:at] + mark * random.choice((10, 1000, 20_000)) + data[at:]


def swell_attribute(random: Random, data: bytes) -> bytes:
    """An element with too many attributes."""
    many = b" ".join(b'a%d="x"' % n for n in range(random.choice((10, 3000, 20_000))))
    attribute: bytes = random.choice((many, b'a="' + b"x" * 300_000 + b'"', b"style='" + b"a:b;" * 10_000 + b"'"))
    found = list(re.finditer(rb"<\w[\w:]*", data))
    at = random.choice(found).end() if found else 0
    return b"%b %b%b" % (data[:at], attribute, data[at:])


def change_number(random: Random, data: bytes) -> bytes:
    """Unexpected numbers."""
    found = list(re.finditer(rb"\d+", data))
    if not found:
        return data
    start, end = random.choice(found).span()
    return data[:start] + b"%d" % random.choice(NUMBERS) + data[end:]


def lose_marks(random: Random, data: bytes) -> bytes:
    """Remove some closing marks."""
    return re.sub(rb"</[^>]*>|[}\])\"]", lambda match: b"" if random.random() < 0.5 else match[0], data)


def encode_anew(random: Random, data: bytes) -> bytes:
    """Another encoding, and maybe a third that is declared."""
    text = data.decode("utf-8", "replace").encode(random.choice(_ENCODINGS), "replace")
    return random.choice((text, declare(random, data), declare(random, text)))


def declare(random: Random, data: bytes) -> bytes:
    """An encoding that is not the file's."""
    name = random.choice(_DECLARED)
    head = random.choice((b'<?xml version="1.0" encoding="%b"?>', b'<meta charset="%b">')) % name
    return head + re.sub(rb"(?<=charset=)\"?[\w-]+\"?", name, data)


_MUTATIONS = (insert_marks, repeat_mark, swell_attribute, change_number, lose_marks, encode_anew)
