"""Facts that the text of a file shows without a grammar: settings, licences, entry points, the start of a README."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from app.pipeline.specs.facts import Note
from app.pipeline.specs.languages import PROGRAMMING

_MOST = 200
_ENVIRONMENT = re.compile(
    r"""(?:os\.environ(?:\.get\(|\[)|os\.getenv\(|os\.Getenv\(|os\.LookupEnv\(|System\.getenv\(|\benv::var(?:_os)?\("""
    r"""|\bENV(?:\.fetch\(|\[)|(?<![\w.])getenv\(|Environment\.GetEnvironmentVariable\()\s*["']([A-Za-z_]\w{1,80})["']"""
    r"""|\bprocess\.env\.([A-Za-z_]\w{1,80})|\bprocess\.env\[["']([A-Za-z_]\w{1,80})["']\]"""
)
_EXAMPLE = re.compile(r"^[ \t]*#?[ \t]*(?:export[ \t]+)?([A-Z][A-Z0-9_]{2,80})[ \t]*=(.*)$")
_ENV_FILE = re.compile(r"^\.env\.(example|sample|template|dist)$|^env\.example$")
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([\w.+() -]{2,80}?)[ \t]*(?:\*/|-->|$)", re.MULTILINE)
_SPDX_WITHIN = 2000
_LICENCE_FILE = re.compile(r"^(un)?licen[sc]e|^copying", re.IGNORECASE)
_LICENCES = (
    (r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", "AGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", "LGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1", "LGPL-2.1"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 3", "GPL-3.0"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 2", "GPL-2.0"),
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Mozilla Public License,?\s+(?:Version|v\.) ?2\.0", "MPL-2.0"),
    (r"Eclipse Public License\s*-\s*v ?2\.0", "EPL-2.0"),
    (r"Boost Software License\s*-\s*Version 1\.0", "BSL-1.0"),
    (r"Permission is hereby granted, free of charge, to any person obtaining\s+a\s+copy", "MIT"),
    (r"Redistributions? (?:of|and)[\s\S]{0,1500}Neither the name", "BSD-3-Clause"),
    (r"Redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"Permission to use, copy, modify, and(?:/or)? distribute this software for any\s+purpose", "ISC"),
    (r"This is free and unencumbered software released into the public domain", "Unlicense"),
    (r"CC0 1\.0 Universal", "CC0-1.0"),
)
_README = re.compile(r"^readme(\.(md|markdown|rst|txt|adoc))?$", re.IGNORECASE)
_NO_PROSE = re.compile(r"^(#|=|-{3}|<|!\[|\[!\[|\[|\||```|~~~|\.\. |:|>|\*{3})|^[=\-~^*#]{3,}$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_PARAGRAPH, _READ = 290, 2000
_TEST = re.compile(
    r"(^|/)(tests?|__tests__|testdata)/|(^|/)spec/.*\.rb$|(^|/)(test_[^/]*|[^/]*_test|[^/]*_spec|[^/]*\.(test|spec)"
    r"|conftest)\.[a-z]+$|[^/]*Tests?\.(java|kt|cs|php)$",
)


def is_test(path: str) -> bool:
    """Whether a file belongs to tests, by the usual names."""
    return _TEST.search(path) is not None


def list_notes(path: str, text: str, language: str) -> list[Note]:
    """The facts of one file, 200 at most."""
    name = PurePosixPath(path).name
    notes = [*_read_licences(name, text)]
    if language in PROGRAMMING:
        notes += _read_settings(text)
    if _ENV_FILE.match(name):
        notes += _read_example(text)
    if _README.match(name) and (readme := _read_paragraph(text)):
        notes.append(readme)
    return notes[:_MOST]


def _read_settings(text: str) -> Iterator[Note]:
    """The environment variables that code reads, each where it is read first."""
    seen = set()
    for found in _ENVIRONMENT.finditer(text):
        name = found[1] or found[2] or found[3]
        if name not in seen:
            seen.add(name)
            yield Note("setting", name, "read", text.count("\n", 0, found.start()) + 1)


def _read_example(text: str) -> Iterator[Note]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := _EXAMPLE.match(line):
            yield Note("setting", found[1], "example", number)


def _read_licences(name: str, text: str) -> Iterator[Note]:
    if found := _SPDX.search(text[:_SPDX_WITHIN]):
        yield Note("licence", found[1].strip(), "SPDX header", text.count("\n", 0, found.start()) + 1)
    elif _LICENCE_FILE.match(name):
        for pattern, licence in _LICENCES:
            if match := re.search(pattern, text, re.IGNORECASE):
                yield Note("licence", licence, "by its text", text.count("\n", 0, match.start()) + 1)
                return
        yield Note("licence", "unknown", "a text that is not recognised", 1)


def _read_paragraph(text: str) -> Note | None:
    """The first paragraph of prose: not a heading, a picture, a badge, a link, a table or code."""
    lines, start, is_code = list[str](), 0, False
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith(("```", "~~~")):
            is_code = not is_code
        if lines and (not bare or _NO_PROSE.match(bare)):
            if re.match(r"^[=\-~^*#]{3,}$", bare):  # what was read is a heading
                lines = []
                continue
            break
        if bare and not is_code and not _NO_PROSE.match(bare):
            start = start if lines else number
            lines.append(bare)
    prose = _LINK.sub(r"\1", " ".join(lines)[:_READ]).replace("**", "").replace("__", "")
    return Note("readme", "README", prose[:_PARAGRAPH], start) if lines else None
