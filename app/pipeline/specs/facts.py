"""The facts that are read from a repository. Each has the file and the line that show it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

_TEXT = 300
_PATH = 1000
_MOST = 2000
"""The longest text and path, and the largest number of facts of one kind in one file."""


class Symbol(NamedTuple):
    """A public definition. ``name`` includes the names of the definitions around it; ``doc`` is its first sentence."""

    kind: str
    name: str
    signature: str
    doc: str
    line: int
    end: int


class Import(NamedTuple):
    """What a file imports, as it is written, and the first line of the statement."""

    module: str
    line: int


class Note(NamedTuple):
    """A further fact.

    ``kind`` is one of ``entry``, ``dependency``, ``licence``, ``setting``, ``readme`` and ``module``, which is the name
    by which other code imports the folder.
    """

    kind: str
    name: str
    detail: str
    line: int


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one file shows.

    ``namespace`` is the package, module or namespace that the file declares. ``doc`` is the first sentence that
    describes the file, on line ``doc_line``. ``problem`` says why its definitions were not read.
    """

    path: str
    language: str
    lines: int
    size: int
    is_test: bool = False
    namespace: str = ""
    doc: str = ""
    doc_line: int = 1
    symbols: Sequence[Symbol] = ()
    imports: Sequence[Import] = ()
    notes: Sequence[Note] = ()
    problem: str = ""

    @property
    def folder(self) -> str:
        """The folder of the file; ``.`` is the root of the repository."""
        return self.path.rpartition("/")[0] or "."

    def count(self) -> int:
        """The number of its definitions, imports and further facts."""
        return len(self.symbols) + len(self.imports) + len(self.notes)

    def without_facts(self, problem: str) -> "FileFacts":
        """The same file without them."""
        return replace(self, symbols=(), imports=(), notes=(), problem=problem)

    def as_json(self) -> dict[str, Any]:
        """The object that a sandbox child sends."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "FileFacts":
        """The inverse of ``as_json``. A hostile file may have written the object, so every value is checked.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: when it is no such object.
        """
        lines = max(0, int(given["lines"]))

        def place(line: Any) -> int:
            return min(max(1, int(line)), max(1, lines))

        symbols = [
            Symbol(_clean(kind), _clean(name), _clean(signature), _clean(doc), place(line), place(end))
            for kind, name, signature, doc, line, end in given["symbols"][:_MOST]
        ]
        return cls(
            path=str(given["path"])[:_PATH],
            language=_clean(given["language"]),
            lines=lines,
            size=max(0, int(given["size"])),
            is_test=bool(given["is_test"]),
            namespace=_clean(given["namespace"]),
            doc=_clean(given["doc"]),
            doc_line=place(given["doc_line"]),
            symbols=symbols,
            imports=[Import(_clean(module), place(line)) for module, line in given["imports"][:_MOST]],
            notes=[
                Note(_clean(kind), _clean(name), _clean(detail), place(line))
                for kind, name, detail, line in given["notes"][:_MOST]
            ],
            problem=_clean(given["problem"]),
        )


class Skipped(NamedTuple):
    """A file that is not analysed, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Repository:
    """All facts of a repository. Paths are relative to its root."""

    name: str
    files: Sequence[FileFacts]
    skipped: Sequence[Skipped] = field(default=())

    @property
    def languages(self) -> dict[str, tuple[int, int]]:
        """Files and lines of each language, the one with the most lines first."""
        counts: dict[str, tuple[int, int]] = {}
        for file in self.files:
            files, lines = counts.get(file.language, (0, 0))
            counts[file.language] = (files + 1, lines + file.lines)
        return dict(sorted(counts.items(), key=lambda item: (-item[1][1], item[0])))


def find_root(paths: Iterable[str]) -> str:
    """The name of the one folder that contains all of these paths; empty where there is none."""
    roots = {path.partition("/")[0] if "/" in path else "" for path in paths}
    return roots.pop() if len(roots) == 1 else ""


def strip_root(files: Sequence[FileFacts], skipped: Sequence[Skipped]) -> tuple[str, list[FileFacts], list[Skipped]]:
    """The name of the one folder that contains all files, as archives of forges have it, and the facts without it."""
    root = find_root([*(file.path for file in files), *(file.path for file in skipped)])
    cut = len(root) + 1 if root else 0
    return (
        root,
        [replace(file, path=file.path[cut:], notes=_strip_names(file, cut)) for file in files],
        [Skipped(file.path[cut:], file.reason) for file in skipped],
    )


def _strip_names(file: FileFacts, cut: int) -> list[Note]:
    """The notes of a file; those named by its path have it without the folder."""
    return [note._replace(name=note.name[cut:]) if note.name == file.path else note for note in file.notes]


def _clean(value: Any) -> str:
    """One line of printable text."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)[:_TEXT]).split())
