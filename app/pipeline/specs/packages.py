"""Packages (the folders with code) and which of them import which, found by the rules of each language."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from app.pipeline.specs.facts import FileFacts, Repository
from app.pipeline.specs.languages import PROGRAMMING
from app.pipeline.specs.resolver import STANDARD, Resolver


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with code. ``doc`` describes it and is on line ``doc_line`` of the file ``doc_path``."""

    path: str
    files: Sequence[FileFacts]
    doc: str = ""
    doc_path: str = ""
    doc_line: int = 1

    @property
    def lines(self) -> int:
        """The lines of its files, without those of the folders in it."""
        return sum(file.lines for file in self.files)


@dataclass(frozen=True, slots=True)
class Edge:
    """A file of one package imports another package, on a line."""

    source: str
    target: str
    path: str
    line: int


def list_packages(repository: Repository) -> list[Package]:
    """The folders that contain code, by path."""
    folders: dict[str, list[FileFacts]] = defaultdict(list)
    for file in repository.files:
        if file.language in PROGRAMMING:
            folders[file.folder].append(file)
    return [_describe(path, files) for path, files in sorted(folders.items())]


def _describe(path: str, files: Sequence[FileFacts]) -> Package:
    """The package with what its ``__init__.py``, ``doc.go``, ``mod.rs`` and the like say, else its only file."""
    named = [
        file for file in files if PurePosixPath(file.path).stem in {"__init__", "doc", "mod", "lib", "package-info"}
    ]
    go = [file for file in files if file.language == "Go" and file.doc.startswith("Package ")]
    only = list(files) if len(files) == 1 else []
    found = next((file for file in [*named, *go, *only] if file.doc), None)
    return Package(path, files, found.doc, found.path, found.doc_line) if found else Package(path, files)


def list_edges(repository: Repository) -> list[Edge]:
    """The imports between different packages, each pair once, with the first line that shows it."""
    resolver = Resolver(repository)
    found: dict[tuple[str, str], Edge] = {}
    for file in sorted(repository.files, key=lambda file: (file.is_test, file.path)):
        for module, line in file.imports:
            target = resolver.find(file, module)
            if target is not None and target != file.folder:
                found.setdefault((file.folder, target), Edge(file.folder, target, file.path, line))
    return sorted(found.values(), key=lambda edge: (edge.source, edge.target))


def list_external(repository: Repository) -> dict[str, list[tuple[str, int]]]:
    """What is imported from outside the repository, by its first name, with the first place in each file.

    Standard libraries come last, and what most files import comes first.
    """
    resolver = Resolver(repository)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for file in repository.files:
        for module, line in file.imports:
            if file.is_test or module.startswith(".") or resolver.find(file, module) is not None:
                continue
            name = resolver.name_external(module, file.language)
            if name:
                found[name].setdefault(file.path, line)
    ordered = sorted(found.items(), key=lambda item: (item[0].endswith(STANDARD), -len(item[1]), item[0]))
    return {name: list(places.items()) for name, places in ordered}
