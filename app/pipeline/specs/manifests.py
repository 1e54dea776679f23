"""Dependencies and entry points that manifests state: pyproject.toml, package.json, go.mod, Cargo.toml and others."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from app.pipeline.specs.facts import Note

_MOST = 500
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?\s*([^;#]*)")
_OPTIONS = re.compile(r"\\|\s--")
"""What follows the version in a lock file: options, on the same line or the next."""
_BROKEN = (ValueError, RecursionError, TypeError, AttributeError)


def list_manifest_notes(path: str, text: str) -> list[Note]:
    """What a manifest states, 500 facts at most. Nothing for other files, and for manifests that cannot be parsed."""
    name = PurePosixPath(path).name
    reader = next((read for pattern, read in _READERS if re.fullmatch(pattern, name)), None)
    if reader is None:
        return []
    try:
        return list(islice(reader(text), _MOST))
    except _BROKEN:
        return []


class _Lines:
    """Finds the lines of values that a parser returned without them."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def find(self, *words: str, after: int = 0) -> int:
        """The number of the first line, after line ``after``, that has all these texts; 0 if there is none."""
        for number, line in enumerate(self._lines[after:], after + 1):
            if all(word in line for word in words):
                return number
        return 0


def _read_pyproject(text: str) -> Iterator[Note]:
    given, lines = tomllib.loads(text), _Lines(text)
    project, poetry = given.get("project", {}), given.get("tool", {}).get("poetry", {})
    yield from _read_python_list(project.get("dependencies", []), "runtime", lines, lines.find("dependencies"))
    groups = {**project.get("optional-dependencies", {}), **given.get("dependency-groups", {})}
    for group, requirements in groups.items():
        yield from _read_python_list(requirements, f"optional: {group}", lines, lines.find(group, "="))
    poetry_groups = {"runtime": poetry, **poetry.get("group", {})}
    for group, table in poetry_groups.items():
        yield from _read_table(table.get("dependencies", {}), group, lines)
    for table in (project.get("scripts", {}), project.get("gui-scripts", {}), poetry.get("scripts", {})):
        for script, target in table.items():
            if line := lines.find(script, str(target)):
                yield Note("entry", script, f"command, runs {target}", line)
    licence = project.get("license", poetry.get("license"))
    licence = licence.get("text") if isinstance(licence, dict) else licence
    if isinstance(licence, str) and (line := lines.find("license", licence[:60].splitlines()[0])):
        yield Note("licence", licence[:60], "stated by the manifest", line)


def _read_python_list(requirements: Any, scope: str, lines: _Lines, after: int) -> Iterator[Note]:
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement) if isinstance(requirement, str) else None
        if found and (line := lines.find(found[1], after=max(0, after - 1))):
            yield Note("dependency", found[1], f"{found[3].strip() or 'any version'}, {scope}", line)


def _read_table(table: Mapping[str, Any], scope: str, lines: _Lines) -> Iterator[Note]:
    """A table of names and versions, as TOML files of Poetry and Cargo have it."""
    for name, value in table.items():
        version = value.get("version", value.get("path", value.get("git", ""))) if isinstance(value, dict) else value
        if line := lines.find(name):
            yield Note("dependency", name, f"{version or 'any version'}, {scope}", line)


def _read_requirements(text: str) -> Iterator[Note]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _REQUIREMENT.match(line)
        if found and not line.lstrip().startswith(("-", "#")) and "://" not in found[1]:
            version = _OPTIONS.split(found[3])[0].strip()
            yield Note("dependency", found[1], f"{version or 'any version'}, runtime", number)


def _read_package_json(text: str) -> Iterator[Note]:
    given, lines = json.loads(text), _Lines(text)
    for field, scope in (
        ("dependencies", "runtime"),
        ("devDependencies", "development"),
        ("peerDependencies", "peer"),
        ("optionalDependencies", "optional"),
    ):
        start = lines.find(f'"{field}"')
        for name, version in given.get(field, {}).items():
            if line := lines.find(f'"{name}"', after=max(0, start - 1)):
                yield Note("dependency", name, f"{version}, {scope}", line)
    yield from _read_package_entries(given, lines)
    if isinstance(given.get("license"), str) and (line := lines.find('"license"')):
        yield Note("licence", given["license"], "stated by the manifest", line)


def _read_package_entries(given: Mapping[str, Any], lines: _Lines) -> Iterator[Note]:
    """The commands, the modules and the scripts of a package.json."""
    binaries = given.get("bin", {})
    binaries = binaries if isinstance(binaries, dict) else {given.get("name", "bin"): binaries}
    for name, target in binaries.items():
        if line := lines.find(str(target)):
            yield Note("entry", name, f"command, runs {target}", line)
    for field in ("main", "module", "browser"):
        if isinstance(given.get(field), str) and (line := lines.find(f'"{field}"', given[field])):
            yield Note("entry", given[field], f"`{field}` of the package", line)
    start = lines.find('"scripts"')
    for name, command in given.get("scripts", {}).items():
        if line := lines.find(f'"{name}"', after=max(0, start - 1)):
            yield Note("entry", f"npm run {name}", f"runs {command}", line)


def _read_cargo(text: str) -> Iterator[Note]:
    given, lines = tomllib.loads(text), _Lines(text)
    workspace = given.get("workspace", {})
    yield from _read_table({**workspace.get("dependencies", {}), **given.get("dependencies", {})}, "runtime", lines)
    yield from _read_table(given.get("dev-dependencies", {}), "development", lines)
    yield from _read_table(given.get("build-dependencies", {}), "build", lines)
    for binary in given.get("bin", []):
        if line := lines.find(f'"{binary.get("name", "")}"'):
            yield Note("entry", binary.get("name", ""), f"binary, {binary.get('path', 'src/main.rs')}", line)
    package = given.get("package", {})
    if isinstance(package.get("name"), str) and (line := lines.find("name", f'"{package["name"]}"')):
        yield Note("module", package["name"], "Rust", line)
    licence = package.get("license")
    if isinstance(licence, str) and (line := lines.find("license", licence)):
        yield Note("licence", licence, "stated by the manifest", line)


def _match_lines(pattern: str, make: Callable[[re.Match[str]], Note | None]) -> Callable[[str], Iterator[Note]]:
    """A reader that makes a fact of each line that matches; its line number is set here."""
    compiled = re.compile(pattern)

    def read(text: str) -> Iterator[Note]:
        for number, line in enumerate(text.splitlines(), 1):
            found = compiled.search(line)
            if found and (note := make(found)):
                yield note._replace(line=number)

    return read


def _depend(found: re.Match[str]) -> Note:
    version = next((group for group in found.groups()[1:] if group), "")
    return Note("dependency", found[1], f"{version or 'any version'}, runtime", 1)


def _read_go_mod(text: str) -> Iterator[Note]:
    for number, line in enumerate(text.splitlines(), 1):
        if module := re.match(r"module\s+(\S+)", line):
            yield Note("module", module[1], "Go", number)
        elif found := re.match(r"\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\S+)", line):
            yield Note(
                "dependency", found[1], f"{found[2]}, {'indirect' if '// indirect' in line else 'runtime'}", number
            )


def _read_pom(text: str) -> Iterator[Note]:
    for block in re.finditer(r"<dependency>([\s\S]{0,2000}?)</dependency>", text):
        fields = dict(re.findall(r"<(groupId|artifactId|version|scope)>\s*([^<]{1,200}?)\s*</", block[1]))
        if "artifactId" in fields:
            start = text.count("\n", 0, block.start()) + 1
            name = f"{fields.get('groupId', '')}:{fields['artifactId']}"
            detail = f"{fields.get('version', 'managed version')}, {fields.get('scope', 'compile')}"
            yield Note("dependency", name, detail, start)


def _read_dockerfile(text: str) -> Iterator[Note]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"(ENTRYPOINT|CMD)\s+(.{1,200})", line):
            yield Note("entry", f"container {found[1]}", f"runs {found[2].strip()}", number)
        elif found := re.match(r"FROM\s+(?:--\S+\s+)?(\S+)", line):
            yield Note("dependency", found[1], "base image, container", number)


def _read_composer(text: str) -> Iterator[Note]:
    given, lines = json.loads(text), _Lines(text)
    for field, scope in (("require", "runtime"), ("require-dev", "development")):
        start = lines.find(f'"{field}"')
        for name, version in given.get(field, {}).items():
            if line := lines.find(f'"{name}"', after=max(0, start - 1)):
                yield Note("dependency", name, f"{version}, {scope}", line)


_READERS: tuple[tuple[str, Callable[[str], Iterator[Note]]], ...] = (
    (r"pyproject\.toml", _read_pyproject),
    (r"requirements[\w.-]*\.(?:txt|in)", _read_requirements),
    (r"package\.json", _read_package_json),
    (r"Cargo\.toml", _read_cargo),
    (r"go\.mod", _read_go_mod),
    (r"pom\.xml", _read_pom),
    (r"composer\.json", _read_composer),
    (r"(?:Docker|Container)file(?:\..+)?", _read_dockerfile),
    (
        r"build\.gradle(?:\.kts)?",
        _match_lines(
            r"^\s*(?:api|implementation|compileOnly|runtimeOnly|testImplementation|kapt|ksp|annotationProcessor)"
            r"""[\s(]+["']([\w.-]+:[\w.-]+)(?::([\w.\-+$\{\}]+))?["']""",
            _depend,
        ),
    ),
    (
        r".+\.gemspec|Gemfile",
        _match_lines(
            r"""^\s*(?:gem|\w+\.add_(?:runtime_|development_)?dependency)[\s(]+["']([\w-]+)["'](?:,\s*["']([^"']+)["'])?""",
            _depend,
        ),
    ),
    (
        r".+\.(?:cs|fs|vb)proj|Directory\.Packages\.props",
        _match_lines(r"""<Package(?:Reference|Version)\s+Include="([^"]+)"(?:\s+Version="([^"]+)")?""", _depend),
    ),
    (
        r"GNUmakefile|[Mm]akefile",
        _match_lines(
            r"^([A-Za-z0-9][\w./-]*)\s*:(?![=:])",
            lambda found: Note("entry", f"make {found[1]}", "target of the Makefile", 1),
        ),
    ),
    (
        r"Procfile",
        _match_lines(r"^(\w+):\s*(.{1,200})$", lambda found: Note("entry", found[1], f"process, runs {found[2]}", 1)),
    ),
)
"""The reader of each manifest, by a pattern of its name."""
