"""Finds the folder of the repository that an import refers to, by the rules of each language."""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from app.pipeline.specs.facts import FileFacts, Repository

_SCRIPTS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".d.ts", "/index.ts", "/index.tsx", "/index.js", "/index.jsx")
_SOURCES = ("src", "lib", "python")
STANDARD = ", standard library)"
"""The end of the names of standard libraries."""
_RUST_STANDARD = {"std", "core", "alloc"}
_MOST_HEADERS = 50
"""Of more headers with the same name, an include that is not relative refers to any."""


def _shorten(module: str, language: str) -> str:
    """The part of a module's name that names what it belongs to."""
    if language in {"JavaScript", "TypeScript", "TSX"}:
        parts = module.split("/")
        return "/".join(parts[:2]) if module.startswith("@") else parts[0]
    if language == "Go":
        return module
    if language in {"C", "C++"}:
        return module.strip('"<>')
    if language in {"Java", "Kotlin", "C#"}:
        return ".".join(module.strip(".").split(".")[:2])
    return module.replace("\\", ".").partition(".")[0].partition("/")[0]


class Resolver:
    """Finds the folder in the repository that an import refers to."""

    def __init__(self, repository: Repository) -> None:
        self._paths = {file.path for file in repository.files}
        self._modules = _index_python(self._paths)
        self._namespaces: dict[tuple[str, str], str] = {}
        for file in repository.files:
            if file.namespace and file.language != "Go":
                self._namespaces.setdefault((file.language, file.namespace.replace("\\", ".")), file.folder)
        self._go = {
            note.name: file.folder
            for file in repository.files
            for note in file.notes
            if note.kind == "module" and note.detail == "Go"
        }
        self._crates = {
            note.name.replace("-", "_"): self._find_source(file.folder)
            for file in repository.files
            for note in file.notes
            if note.kind == "module" and note.detail == "Rust"
        }
        self._rust_names = _RUST_STANDARD | {
            note.name.replace("-", "_")
            for file in repository.files
            if file.path.endswith("Cargo.toml")
            for note in file.notes
            if note.kind == "dependency"
        }
        self._go_folders = {file.folder for file in repository.files if file.language == "Go"}
        self._deepest = max((path.count("/") + 1 for path in self._paths), default=0)
        self._deepest_go = max((name.count("/") + 1 for name in self._go), default=0)
        self._deepest_namespace = max((name.count(".") + 1 for _, name in self._namespaces), default=0)
        self._headers: dict[str, set[str]] = defaultdict(set)
        for path in self._paths:
            self._headers[path.rpartition("/")[2]].add(path)

    def find(self, file: FileFacts, module: str) -> str | None:
        """The folder that ``module`` refers to in ``file``; None if it is outside the repository."""
        finders: dict[str, Callable[[FileFacts, str], str | None]] = {
            "Python": self._find_python,
            "Go": self._find_go,
            "Rust": self._find_rust,
            "Ruby": self._find_ruby,
            **dict.fromkeys(("JavaScript", "TypeScript", "TSX"), self._find_script),
            **dict.fromkeys(("C", "C++"), self._find_header),
        }
        return finders.get(file.language, self._find_namespace)(file, module)

    def _find_script(self, file: FileFacts, module: str) -> str | None:
        return self._find_path(file.folder, module, _SCRIPTS) if module.startswith(".") else None

    def _find_ruby(self, file: FileFacts, module: str) -> str | None:
        if module.startswith("."):
            return self._find_path(file.folder, module, (".rb", ""))
        return self._find_path("lib", f"./{module}", (".rb",))

    def name_external(self, module: str, language: str) -> str:
        """The name of what an import outside the repository refers to; empty if it is only a name within the file."""
        if language == "Rust":
            first = module.partition("::")[0]
            known = first in self._rust_names
            return f"{first} (Rust{STANDARD if first in _RUST_STANDARD else ')'}" if known else ""
        name = _shorten(module, language)
        is_standard = language == "Python" and name in sys.stdlib_module_names
        return f"{name} ({language}{STANDARD if is_standard else ')'}" if name else ""

    def _find_path(self, folder: str, module: str, endings: Iterable[str]) -> str | None:
        base = normpath(f"{folder}/{module}")
        stems = [base, base.removesuffix(".js")]
        found = next((stem + end for stem in stems for end in endings if stem + end in self._paths), None)
        return _folder(found) if found else None

    def _find_python(self, file: FileFacts, module: str) -> str | None:
        if module.startswith("."):
            name = module.lstrip(".")
            folder = PurePosixPath(file.folder)
            for _ in range(len(module) - len(name) - 1):
                folder = folder.parent
            parts = [part for part in [*folder.parts, *name.split(".")] if part not in {"", "."}]
            return self._find_module(".".join(parts), by_path=True)
        return self._find_module(module, by_path=False)

    def _find_module(self, module: str, *, by_path: bool) -> str | None:
        """The folder of the longest part of a dotted name that is a module here."""
        for name in _list_beginnings(module, self._deepest):
            path = name.replace(".", "/")
            if by_path and (f"{path}.py" in self._paths or f"{path}/__init__.py" in self._paths):
                return path if f"{path}/__init__.py" in self._paths else _folder(path)
            if not by_path and name in self._modules:
                return self._modules[name]
        return None

    def _find_go(self, _file: FileFacts, module: str) -> str | None:
        for prefix in _list_beginnings(module, self._deepest_go, "/"):
            if (root := self._go.get(prefix)) is not None:
                folder = normpath(f"{root}/{module[len(prefix) + 1 :]}") if module != prefix else root
                return folder if folder in self._go_folders else None
        return None

    def _find_rust(self, file: FileFacts, module: str) -> str | None:
        """Names of this crate and of other crates here. ``super`` may be within the file, so that it is no import."""
        parts = [part for part in module.split("::") if part]
        if not parts or parts[0] in {"super", "self"}:
            return file.folder
        root = self._crates.get(parts[0]) or file.folder
        if parts[0] == "crate":
            while root not in {".", ""} and not {f"{root}/lib.rs", f"{root}/main.rs"} & self._paths:
                root = _folder(root)
        elif parts[0] not in self._crates:
            return None
        below = _list_beginnings("/".join(parts[1:]), self._deepest, "/") if parts[1:] else ()
        for name in below:
            path = normpath(f"{root}/{name}")
            if f"{path}/mod.rs" in self._paths:
                return path
            if f"{path}.rs" in self._paths:
                return _folder(path)
        return root

    def _find_source(self, folder: str) -> str:
        """The folder of the code of a crate."""
        source = normpath(f"{folder}/src")
        return source if any(f"{source}/{name}.rs" in self._paths for name in ("lib", "main")) else folder

    def _find_header(self, file: FileFacts, module: str) -> str | None:
        name = module.strip('"<>')
        near = normpath(f"{file.folder}/{name}")
        if near in self._paths:
            return _folder(near)
        same = self._headers.get(name.rpartition("/")[2], ())
        if len(same) > _MOST_HEADERS:
            return None
        found = [path for path in same if path == name or path.endswith(f"/{name}")]
        return _folder(found[0]) if len(found) == 1 else None

    def _find_namespace(self, file: FileFacts, module: str) -> str | None:
        language, given = file.language, module.replace("\\", ".").strip(".")
        others = {"Java": "Kotlin", "Kotlin": "Java"}
        for name in _list_beginnings(given, self._deepest_namespace):
            for known in (language, others.get(language, language)):
                if (known, name) in self._namespaces:
                    return self._namespaces[known, name]
        return None


def _index_python(paths: Iterable[str]) -> dict[str, str]:
    """The folder of each Python module by its dotted name, seen from the root, or from ``src`` and the like."""
    known = sorted(path for path in paths if path.endswith((".py", ".pyi")))
    packages = {_folder(path) for path in known if path.endswith("/__init__.py")}
    index: dict[str, str] = {}
    for path in known:
        parts = path.rpartition(".")[0].split("/")
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        folder = _folder(path)
        top = folder
        while _folder(top) in packages and top != ".":
            top = _folder(top)
        starts = {0}
        if folder in packages:
            starts.add(0 if top == "." else top.count("/"))
        elif parts[0] in _SOURCES:
            starts.add(1)
        for start in starts:
            if parts[start:]:
                index.setdefault(".".join(parts[start:]), folder)
    return index


def _list_beginnings(name: str, most: int, separator: str = ".") -> Iterator[str]:
    """The beginnings of a name that have 1 to ``most`` whole parts, the longest first."""
    ends = [at for at, sign in enumerate(name) if sign == separator][:most]
    if len(ends) < most:
        ends.append(len(name))
    return (name[:end] for end in reversed(ends))


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "."
