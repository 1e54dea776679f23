"""Public definitions, imports and entry points are read from the sources of each language."""

import time

import pytest

from app.pipeline.specs import analysis
from app.pipeline.specs.analysis import analyse_file
from app.pipeline.specs.facts import FileFacts


def read(name: str, *lines: str) -> FileFacts:
    """The facts of a file with these lines."""
    return analyse_file(name, "\n".join(lines).encode())


PYTHON = (
    '"""Weirs. More."""',
    "from . import gates",
    "import os.path as paths",
    "from .gates import Gate, _lock",
    "@final",
    "class Weir(Base):",
    '    """A weir."""',
    "    def open(self, width: float = 1.0) -> None:",
    '        """Open it. Slowly."""',
    "        def inner(): pass",
    "    def _close(self): pass",
    "def _hidden(): pass",
    'if __name__ == "__main__":',
    "    run()",
)
TYPESCRIPT = (
    'import {a} from "./x";',
    "/** A gate. */",
    "export class Gate<T> extends Base { public open(a: number): void {} private lock() {} }",
    "export const close = (a: number): string => '';",
    "function hidden() {}",
    "function listed() {}",
    "export { listed };",
)
COMMONJS = (
    "const a = require('./x');",
    "// Opens it.",
    "app.open = function open(width) {};",
    "exports.close = (w) => 1;",
    "this.x = function () {};",
)
GO = (
    "// Package weir opens gates. More.",
    "package weir",
    'import ("fmt"; g "example.com/weir/gates")',
    "// Open opens it.",
    "func Open(a int) (int, error) { return 1, nil }",
    "func (w *Weir[T]) Close() {}",
    "func hidden() {}",
    "type Weir[T any] struct { A int }",
)
JAVA = (
    "package org.weir;",
    "import org.gates.Gate;",
    "/** A weir. */",
    "public class Weir { public int open(int a) { return 1; } private void lock() {} void near() {}",
    "  public static void main(String[] a) {} }",
)
RUST = (
    "use crate::gates::Gate;",
    "/// A weir.",
    "#[derive(Debug)]",
    "pub struct Weir { a: i32 }",
    "impl Weir { pub fn open(&self) -> i32 { 1 } fn lock() {} }",
    "pub(crate) fn near() {}",
    "pub trait Flow { fn run(&self); }",
    "impl Flow for Weir { fn run(&self) {} }",
)
CPP = (
    '#include "gates/gate.h"',
    "namespace weir {",
    "// A weir.",
    "class Weir : public Base { int a; public: int open(int b); private: void lock(); };",
    "}",
    "int Weir::open(int b) { return 1; }",
    "static int hidden() { return 1; }",
    "int main() { return 0; }",
)
C = (
    "#include <stdio.h>",
    "/* Opens it. */",
    "int *open_gate(int a) { return 0; }",
    "static int lock(void) { return 1; }",
)
CSHARP = (
    "using Org.Gates;",
    "namespace Org.Weir {",
    "/// <summary>A weir.</summary>",
    "public class Weir { public int Open(int a) { return 1; } private void Lock() {} } class Near {} }",
)
RUBY = (
    "require 'gates'",
    "# A weir.",
    "class Weir < Base",
    "  def open(a); end",
    "  private",
    "  def lock; end",
    "end",
)
PHP = (
    "<?php",
    "namespace Org\\Weir;",
    "use Org\\Gates\\Gate;",
    "/** A weir. */",
    "class Weir { public function open(int $a): int { return 1; } private function lock() {} }",
)
KOTLIN = (
    "package org.weir",
    "import org.gates.Gate",
    "/** A weir. */",
    "class Weir(val a: Int) {",
    "  private fun lock() = 1",
    "  fun open(a: Int): Int { return 1 }",
    "}",
    "internal interface Near",
    "fun main() {}",
)


@pytest.mark.parametrize(
    ("name", "source", "names", "imports"),
    [
        ("a.py", PYTHON, ["Weir", "Weir.open"], [".gates", "os.path", ".gates.Gate", ".gates._lock"]),
        ("a.ts", TYPESCRIPT, ["Gate", "Gate.open", "close", "listed"], ["./x"]),
        ("a.tsx", TYPESCRIPT, ["Gate", "Gate.open", "close", "listed"], ["./x"]),
        ("a.js", COMMONJS, ["app.open", "exports.close"], ["./x"]),
        ("a.go", GO, ["Open", "Weir.Close", "Weir"], ["fmt", "example.com/weir/gates"]),
        ("Weir.java", JAVA, ["Weir", "Weir.open", "Weir.main"], ["org.gates.Gate"]),
        ("lib.rs", RUST, ["Weir", "Weir.open", "Flow", "Flow.run"], ["crate::gates::Gate"]),
        ("a.cpp", CPP, ["weir.Weir", "weir.Weir.open", "main"], ['"gates/gate.h"']),
        ("a.c", C, ["open_gate"], ["<stdio.h>"]),
        ("a.cs", CSHARP, ["Weir", "Weir.Open"], ["Org.Gates"]),
        ("a.rb", RUBY, ["Weir", "Weir.open"], ["gates"]),
        ("a.php", PHP, ["Weir", "Weir.open"], ["Org\\Gates\\Gate"]),
        ("a.kt", KOTLIN, ["Weir", "Weir.open", "main"], ["org.gates.Gate"]),
    ],
)
def test_public_definitions_and_imports_of_each_language(
    name: str, source: tuple[str, ...], names: list[str], imports: list[str]
) -> None:
    facts = read(name, *source)
    assert [symbol.name for symbol in facts.symbols] == names
    assert [one.module for one in facts.imports] == imports
    described = {symbol.doc for symbol in facts.symbols if symbol.doc}
    assert described & {"A weir.", "A gate.", "Opens it.", "Open opens it."}
    for symbol in facts.symbols:
        assert 1 <= symbol.line <= symbol.end <= len(source)
        assert symbol.name.rpartition(".")[2] in source[symbol.line - 1]


def test_a_signature_ends_where_the_body_begins() -> None:
    facts = read("a.py", *PYTHON)
    assert [symbol.signature for symbol in facts.symbols] == [
        "class Weir(Base)",
        "def open(self, width: float = 1.0) -> None",
    ]
    assert (facts.doc, facts.doc_line) == ("Weirs.", 1)
    assert facts.symbols[1].doc == "Open it."


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [
        ("a.py", PYTHON, 13),
        ("Weir.java", JAVA, 5),
        ("a.cpp", CPP, 8),
        ("a.kt", KOTLIN, 9),
        ("main.go", ("package main", "func main() {}"), 2),
        ("src/main.rs", ("fn main() {}",), 1),
        ("a.cs", ("class P { static void Main(string[] a) {} }",), 1),
    ],
)
def test_where_a_program_begins(name: str, source: tuple[str, ...], line: int) -> None:
    entries = [note for note in read(name, *source).notes if note.kind == "entry"]
    assert [note.line for note in entries] == [line]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.go", ("package weir", "func main() {}")),
        ("lib.rs", ("fn main() {}",)),
        ("a.py", ('text = """', "if __name__ == '__main__':", '"""')),
        ("A.java", ("class A { void main() {} }",)),
    ],
)
def test_what_only_looks_like_the_beginning_of_a_program_is_none(name: str, source: tuple[str, ...]) -> None:
    assert [note for note in read(name, *source).notes if note.kind == "entry"] == []


def test_a_licence_at_the_top_of_a_file_does_not_describe_it() -> None:
    facts = read(
        "a.go", "// Copyright 2026 Weir.", "// Use is governed by a licence.", "", "// Package weir is.", "package weir"
    )
    assert (facts.doc, facts.doc_line) == ("Package weir is.", 4)


@pytest.mark.parametrize("name", ["a.py", "a.ts", "a.go", "a.cpp", "a.kt"])
@pytest.mark.parametrize(
    "text", ["(" * 60_000, "{" * 60_000, "class a:\n " * 9_000, "\x00\xff" * 9_000, "<see" * 60_000]
)
def test_the_time_for_a_hostile_file_is_bounded(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "_SECONDS", 0.2)
    began = time.thread_time()
    facts = analyse_file(name, text.encode("utf-8", "replace"))
    assert time.thread_time() - began < 2
    assert facts.problem or len(facts.symbols) <= 400
