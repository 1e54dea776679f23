"""Specifications say what is true about a repository, with the place that shows each claim."""

import io
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.domain.addresses import NONE_ALLOWED
from app.domain.errors import SluiceError
from app.domain.repository_url import find_archive
from app.domain.specs import SpecType
from app.pipeline.specs.analysis import analyse_file
from app.pipeline.specs.bundle import pack
from app.pipeline.specs.claims import read_claims
from app.pipeline.specs.document import write_specification
from app.pipeline.specs.facts import FileFacts, Repository, strip_root
from app.pipeline.specs.graph import find_cycles
from app.pipeline.specs.languages import PROGRAMMING, find_language
from app.pipeline.specs.packages import Edge, list_edges
from app.pipeline.specs.selection import refuse_content, refuse_name

ROOT = Path(__file__).parents[2]
_CITED = re.compile(r"\(`([^`]+):(\d+)(?:-(\d+))?`\)")


def analyse(files: Mapping[str, str], name: str = "weir") -> Repository:
    """The facts of these files."""
    return Repository(name, [analyse_file(path, text.encode()) for path, text in files.items()])


def write(repository: Repository, kind: SpecType, characters: int = 400_000) -> str:
    return write_specification(repository, kind, characters=characters).markdown


@pytest.fixture(scope="module")
def own() -> Repository:
    """This project's own sources, as far as they are in version control."""
    listed = subprocess.run(["git", "ls-files", "app"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("the sources are not under version control")
    paths = [path for path in listed.stdout.split("\n") if path and (ROOT / path).is_file()]
    return Repository("sluice", [analyse_file(path, (ROOT / path).read_bytes()) for path in paths])


def test_the_overview_of_this_project_names_every_package_and_no_other(own: Repository) -> None:
    text = write(own, SpecType.OVERVIEW)
    section = text.partition("## Packages\n")[2].partition("\n## ")[0]
    named = {found[1]: int(found[2]) for found in re.finditer(r"^- `([^`]+)` - (\d+) files?,", section, re.MULTILINE)}
    tree: dict[str, int] = {}
    for file in own.files:
        if find_language(file.path) in PROGRAMMING:
            tree[str(Path(file.path).parent)] = tree.get(str(Path(file.path).parent), 0) + 1
    assert named == tree
    assert named.keys() >= {"app/pipeline/specs", "app/ledger", "app/services/answers"}


def test_entry_points_are_named_without_the_folder_of_the_archive() -> None:
    text = {"weir-main/gates/__main__.py": "open()\n", "weir-main/cmd/main.go": "package main\n\nfunc main() {\n}\n"}
    root, files, _ = strip_root(analyse(text).files, ())
    section = write(Repository(root, files), SpecType.OVERVIEW).partition("## Entry points\n")[2].partition("\n## ")[0]
    assert re.findall(r"^- `([^`]+)`", section, re.MULTILINE) == ["cmd/main.go", "gates/__main__.py"]


@pytest.mark.parametrize("kind", SpecType)
def test_every_place_that_a_specification_of_this_project_names_exists(own: Repository, kind: SpecType) -> None:
    text = write(own, kind)
    places = _CITED.findall(text)
    assert len(places) > 50
    for path, first, last in places:
        assert 1 <= int(first) <= int(last or first) <= len((ROOT / path).read_text().splitlines() or [""])


def test_each_definition_is_named_in_the_line_that_it_cites(own: Repository) -> None:
    for file in own.files:
        lines = (ROOT / file.path).read_text().splitlines()
        for symbol in file.symbols:
            assert symbol.name.rpartition(".")[2] in lines[symbol.line - 1]


def test_the_import_graph_of_this_project_has_the_edges_of_its_sources(own: Repository) -> None:
    edges = {(edge.source, edge.target): edge for edge in list_edges(own)}
    assert ("app/services/answers", "app/services/queue") in edges
    for edge in edges.values():
        line = (ROOT / edge.path).read_text().splitlines()[edge.line - 1]
        assert re.match(r"\s*(from|import) ", line)
    layers = {
        (source.split("/")[1], target.split("/")[1]) for source, target in edges if "/" in source and "/" in target
    }
    assert ("domain", "services") not in layers


def test_imports_are_resolved_by_the_rules_of_each_language() -> None:
    repository = analyse(
        {
            "src/weir/__init__.py": "",
            "src/weir/gates/__init__.py": "",
            "src/weir/main.py": "from weir.gates import Gate\nfrom . import missing\nimport os\n",
            "web/app/main.ts": "import {a} from '../lib/gates';\nimport x from 'react';\n",
            "web/lib/gates.ts": "export const a = 1;\n",
            "go/go.mod": "module example.com/weir\n",
            "go/cmd/main.go": 'package main\nimport "example.com/weir/gates"\n',
            "go/gates/gates.go": "package gates\n",
            "java/main/App.java": "package org.app;\nimport org.gates.Gate;\nclass App {}\n",
            "java/gates/Gate.java": "package org.gates;\npublic class Gate {}\n",
            "rust/a/Cargo.toml": '[package]\nname = "weir-gates"\n',
            "rust/a/src/lib.rs": "pub fn open() {}\nmod tests { use super::*; }\n",
            "rust/b/src/main.rs": "use weir_gates::open;\n",
            "c/src/main.c": '#include "gates/gate.h"\n#include <stdio.h>\n',
            "c/include/gates/gate.h": "int open(void);\n",
            "lib/weir.rb": "require_relative 'weir/gates'\n",
            "lib/weir/gates.rb": "",
        }
    )
    assert {(edge.source, edge.target, edge.line) for edge in list_edges(repository)} == {
        ("src/weir", "src/weir/gates", 1),
        ("web/app", "web/lib", 1),
        ("go/cmd", "go/gates", 2),
        ("java/main", "java/gates", 2),
        ("rust/b/src", "rust/a/src", 1),
        ("c/src", "c/include/gates", 1),
        ("lib", "lib/weir", 1),
    }


def test_cycles_are_found_also_on_long_paths() -> None:
    chain = [Edge(str(number), str(number + 1), "a.py", 1) for number in range(5000)]
    assert find_cycles(chain) == []
    [cycle] = find_cycles([*chain, Edge("4999", "10", "a.py", 1)])
    assert len(cycle) == 4990
    assert find_cycles([Edge("a", "b", "x", 1), Edge("b", "a", "x", 1), Edge("c", "a", "x", 1)]) == [["a", "b"]]


def test_text_of_sources_adds_no_links_and_no_headings() -> None:
    doc = "See [here](javascript:alert(1)) <script>x</script> | `a` ``b``"
    text = write(analyse({"a.py": f'"""{doc}"""\n\n\ndef run():\n    """# Not a heading"""\n'}), SpecType.API)
    assert "](" not in text.replace("\\](", "")
    assert "<script" not in text.replace("\\<script", "")
    assert "`a` `b`" in text
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# weir: API reference"]


def test_a_specification_is_bounded_and_says_so() -> None:
    files = {f"p{n}/m.py": "".join(f"def f{m}(): pass\n" for m in range(50)) for n in range(300)}
    for kind in SpecType:
        written = write_specification(analyse(files), kind, characters=20_000)
        assert len(written.markdown) <= 20_100
        assert written.truncated is (kind is SpecType.API)
    assert "left out" in write(analyse(files), SpecType.API, 20_000)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("web/node_modules/x/a.js", "vendored"),
        ("vendor/a.go", "vendored"),
        ("yarn.lock", "generated"),
        ("a_pb2.py", "generated"),
        ("site.min.js", "minified"),
    ],
)
def test_files_of_others_are_left_out_by_their_names(path: str, reason: str) -> None:
    assert str(refuse_name(path)).startswith(reason)
    assert refuse_name("src/vendor.py") is None


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("a.bin", b"a\0b", "binary"),
        ("a.txt", b"caf\xe9", "not text"),
        ("a.go", b"// Code generated by x. DO NOT EDIT.\npackage a\n", "generated"),
        ("a.js", b"var a=1;" * 5000, "minified"),
    ],
)
def test_files_are_left_out_by_their_content(path: str, data: bytes, reason: str) -> None:
    assert str(refuse_content(path, data)).startswith(reason)
    assert refuse_content("a.py", b"x = 1\n") is None


class _File:
    error: SluiceError | None = None

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self._stream = io.BytesIO(data)

    def pieces(self) -> Iterator[bytes]:
        return iter(lambda: self._stream.read(1000), b"")


def test_a_bundle_is_halved_until_one_file_is_left(tmp_path: Path) -> None:
    files = [_File(f"{number}.py", b"x = 1\n") for number in range(5)]
    bundles = pack(files, tmp_path, batch_size=3, max_bytes=1000)
    assert [len(names) for names in bundles.files.values()] == [3, 2]
    first = next(iter(bundles.files))
    halves = bundles.split(first)
    assert [bundles.files[half] for half in halves] == [["0.py"], ["1.py", "2.py"]]
    assert bundles.split(halves[0]) == []
    assert [file.content for file in bundles.list_files("", "")] == [b"x = 1\n"] * 5


def test_claims_without_a_place_that_exists_are_dropped() -> None:
    repository = analyse({"src/gates.py": "a = 1\nb = 2\n", "README.md": "x\n"})
    answer = """<think>- secret [src/gates.py:1]</think>
# Heading
- The gates are opened. [src/gates.py:1-2]
- **Weir** has a README. [README.md:1] [src/gates.py:2]
1. Numbered. [`src/gates.py:1`]
- Beyond the end. [src/gates.py:3]
- Backwards. [src/gates.py:2-1]
- Another file. [src/locks.py:1]
- One place of two. [src/gates.py:1] [nowhere.py:1]
- No place.
- [src/gates.py:1]
- A [link](http://x) <b> [src/gates.py:1]
Not a claim. [src/gates.py:1]"""
    claims = read_claims(answer, repository)
    assert claims.lines == [
        "- The gates are opened. (`src/gates.py:1-2`)",
        "- Weir has a README. (`README.md:1`) (`src/gates.py:2`)",
        "- Numbered. (`src/gates.py:1`)",
        "- A \\[link\\](http://x) \\<b\\> (`src/gates.py:1`)",
    ]
    assert claims.dropped == 6


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "a", "language": "x", "lines": "many"},
        {**FileFacts("a", "x", 1, 1).as_json(), "symbols": [[1]]},
        {**FileFacts("a", "x", 1, 1).as_json(), "imports": 7},
    ],
)
def test_facts_of_a_wrong_shape_are_refused(given: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        FileFacts.from_json(given)


@pytest.mark.parametrize(
    ("url", "archive", "name"),
    [
        ("https://github.com/keeper/weir", "https://github.com/keeper/weir/archive/HEAD.zip", "weir"),
        ("https://github.com/keeper/weir.git", "https://github.com/keeper/weir/archive/HEAD.zip", "weir"),
        ("https://github.com/k/weir/tree/v1/x", "https://github.com/k/weir/archive/v1/x.zip", "weir"),
        ("https://gitlab.com/a/b/weir", "https://gitlab.com/a/b/weir/-/archive/HEAD/weir-HEAD.zip", "weir"),
        ("https://bitbucket.org/k/weir/", "https://bitbucket.org/k/weir/get/HEAD.zip", "weir"),
        ("https://codeberg.org/k/weir/src/branch/main", "https://codeberg.org/k/weir/archive/main.zip", "weir"),
        ("https://git.sr.ht/~k/weir", "https://git.sr.ht/~k/weir/archive/HEAD.tar.gz", "weir"),
        ("https://example.com/files/weir.tar.gz", "https://example.com/files/weir.tar.gz", "weir"),
        (
            "https://github.com/k/weir/archive/refs/heads/x.zip",
            "https://github.com/k/weir/archive/refs/heads/x.zip",
            "weir",
        ),
    ],
)
def test_the_address_of_a_repository_gives_that_of_its_archive(url: str, archive: str, name: str) -> None:
    found = find_archive(url, NONE_ALLOWED)
    assert (found.url, found.name) == (archive, name)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/keeper/weir", "unknown_repository"),
        ("https://github.com/keeper", "unknown_repository"),
        ("http://github.com/keeper/weir", "url_not_allowed"),
        ("ssh://git@github.com/keeper/weir", "url_not_allowed"),
        ("https://localhost/weir.zip", "url_not_allowed"),
        ("https://169.254.169.254/weir.zip", "url_not_allowed"),
        ("https://user:secret@github.com/keeper/weir", "url_not_allowed"),
    ],
)
def test_other_addresses_are_refused_with_a_code(url: str, code: str) -> None:
    with pytest.raises(SluiceError) as caught:
        find_archive(url, NONE_ALLOWED)
    assert caught.value.code == code
