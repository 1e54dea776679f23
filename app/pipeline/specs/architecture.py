"""The sections of "Architecture": packages, which of them import which, and what they import from outside."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.domain.counting import count_of
from app.pipeline.specs.facts import Repository
from app.pipeline.specs.graph import collapse, find_cycles
from app.pipeline.specs.markdown import bounded, cite, code, fence, plain, section
from app.pipeline.specs.overview import write_entries, write_packages, write_skipped
from app.pipeline.specs.packages import Edge, Package, list_edges, list_external, list_packages

_NODES, _ARROWS = 40, 160
_IMPORTS, _EXTERNAL = 400, 60
_ENTITIES = {ord(sign): f"#{ord(sign)};" for sign in '"#<>`\n'}
"""How Mermaid writes what would end a label, or be HTML or Markdown in it."""
_NO_IMPORTS = "No imports between packages were found."


def write_architecture(repository: Repository) -> list[str]:
    """The lines of the document, without its title."""
    tests = {file.folder for file in repository.files if file.is_test}
    packages = list_packages(repository)
    edges = [edge for edge in list_edges(repository) if edge.source not in tests]
    code_packages = [package for package in packages if package.path not in tests] or packages
    return [
        *section("Packages", write_packages(packages)),
        *section("Import graph", _draw(edges, code_packages)),
        *section("Cycles", _write_cycles(edges)),
        *section("Imports between packages", _write_edges(edges)),
        *section("Imports from outside", _write_external(repository)),
        *section("Entry points", write_entries(repository)),
        *section("Files that were not analysed", write_skipped(repository)),
    ]


def _draw(edges: Sequence[Edge], packages: Sequence[Package]) -> list[str]:
    """The graph as Mermaid, with the packages that import or are imported."""
    shown, merged = collapse(edges, packages, _NODES)
    if not merged:
        return [_NO_IMPORTS]
    arrows = sorted(merged, key=lambda edge: (edge.source, edge.target))[:_ARROWS]
    names = sorted({edge.source for edge in arrows} | {edge.target for edge in arrows})[: 2 * _NODES]
    ids = {name: f"p{number}" for number, name in enumerate(names)}
    nodes = [f'  {ids[name]}["{name.translate(_ENTITIES)}"]' for name in names]
    drawn = [
        f"  {ids[edge.source]} --> {ids[edge.target]}" for edge in arrows if {edge.source, edge.target} <= set(names)
    ]
    lines = fence("mermaid", ["graph LR", *nodes, *drawn])
    if any(folder != name for folder, name in shown.items()):
        lines += ["", "Deeper folders are drawn as the folder that contains them."]
    if len(merged) > len(arrows):
        lines += ["", f"{len(merged) - len(arrows)} more arrows are left out."]
    return lines


def _write_cycles(edges: Iterable[Edge]) -> list[str]:
    """Each group of packages that import each other, with an import of each."""
    edges = list(edges)
    groups = find_cycles(edges)
    numbers = {path: number for number, group in enumerate(groups) for path in group}
    of_groups: list[list[Edge]] = [[] for _ in groups]
    for edge in edges:
        if (number := numbers.get(edge.source)) is not None and number == numbers.get(edge.target):
            of_groups[number].append(edge)
    lines = []
    for group, inside in zip(groups, of_groups, strict=True):
        places = ", ".join(
            f"{code(edge.source)} → {code(edge.target)} {cite(edge.path, edge.line)}" for edge in inside[:8]
        )
        lines.append(f"- {count_of(len(group), 'package')}: {places}")
    return bounded(lines, _EXTERNAL) or (["No packages import each other in a cycle."] if edges else [])


def _write_edges(edges: Iterable[Edge]) -> list[str]:
    by_source: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        by_source[edge.source].append(edge)
    lines = []
    for source, targets in by_source.items():
        named = ", ".join(f"{code(edge.target)} {cite(edge.path, edge.line)}" for edge in targets[:30])
        lines.append(f"- {code(source)} imports {named}")
    return bounded(lines, _IMPORTS)


def _write_external(repository: Repository) -> list[str]:
    lines = [
        f"- {plain(name)} - {count_of(len(places), 'file')}, first {cite(*places[0])}"
        for name, places in list_external(repository).items()
    ]
    return bounded(lines, _EXTERNAL)
