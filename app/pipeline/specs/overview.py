"""The sections of "Repository Overview"."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from app.domain.counting import count_of
from app.pipeline.specs.facts import FileFacts, Note, Repository
from app.pipeline.specs.languages import PROGRAMMING
from app.pipeline.specs.markdown import bounded, cite, code, fence, plain, section, table
from app.pipeline.specs.packages import Package, list_packages

_TREE_LINES, _TREE_DEPTH = 80, 5
_PACKAGES = 400
_ENTRIES, _DEPENDENCIES, _SETTINGS, _TESTS, _SKIPPED = 80, 150, 150, 40, 40


def write_overview(repository: Repository) -> list[str]:
    """The lines of the document, without its title."""
    return [
        *section("Summary", _summarise(repository)),
        *section("Languages", _write_languages(repository)),
        *section("Tree", _write_tree(repository)),
        *section("Packages", write_packages(list_packages(repository))),
        *section("Entry points", write_entries(repository)),
        *section("Dependencies", write_dependencies(repository)),
        *section("Configuration", _write_settings(repository)),
        *section("Tests", _write_tests(repository)),
        *section("Licences", _write_licences(repository)),
        *section("Files that were not analysed", write_skipped(repository)),
    ]


def list_notes(repository: Repository, kind: str) -> list[tuple[FileFacts, Note]]:
    """The facts of one kind with their files: code before tests, files near the root first."""
    found = [(file, note) for file in repository.files for note in file.notes if note.kind == kind]
    return sorted(found, key=lambda item: (item[0].is_test, item[0].path.count("/"), item[0].path, item[1].line))


def _summarise(repository: Repository) -> Iterator[str]:
    readme = next(iter(list_notes(repository, "readme")), None)
    if readme:
        file, note = readme
        yield f"{plain(note.detail)} {cite(file.path, note.line)}"
        yield ""
    lines = sum(file.lines for file in repository.files)
    skipped = f"; {count_of(len(repository.skipped), 'file')} not analysed" if repository.skipped else ""
    yield f"{count_of(len(repository.files), 'file')} with {count_of(lines, 'line')} analysed{skipped}."


def _write_languages(repository: Repository) -> list[str]:
    largest: dict[str, FileFacts] = {}
    for file in repository.files:
        known = largest.get(file.language)
        if known is None or file.lines > known.lines:
            largest[file.language] = file
    rows = [
        [plain(language), str(files), str(lines), code(f"{largest[language].path}:1")]
        for language, (files, lines) in repository.languages.items()
    ]
    return table(["language", "files", "lines", "longest file"], rows)


def _write_tree(repository: Repository) -> list[str]:
    """Folders with the number of files below them, as deep as fits into 80 lines."""
    counts: Counter[str] = Counter()
    for file in repository.files:
        parts = file.path.split("/")[:-1][:_TREE_DEPTH]
        counts.update("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    if not counts:
        return []
    depth = next(
        (
            depth
            for depth in range(_TREE_DEPTH, 0, -1)
            if sum(path.count("/") < depth for path in counts) <= _TREE_LINES
        ),
        1,
    )
    shown = sorted(path for path in counts if path.count("/") < depth)
    lines = [
        f"{'  ' * path.count('/')}{path.rpartition('/')[2]}/  {count_of(counts[path], 'file')}"
        for path in shown[:_TREE_LINES]
    ]
    more = [f"… and {len(shown) - _TREE_LINES} more"] if len(shown) > _TREE_LINES else []
    return fence("text", [*lines, *more])


def write_packages(packages: Sequence[Package]) -> list[str]:
    """A line for each folder with code: its files, its lines, and what its code says about it."""
    lines = []
    for package in packages:
        place = cite(package.doc_path, package.doc_line) if package.doc else cite(package.files[0].path, 1)
        doc = f": {plain(package.doc)}" if package.doc else ""
        size = f"{count_of(len(package.files), 'file')}, {count_of(package.lines, 'line')}"
        lines.append(f"- {code(package.path)} - {size}{doc} {place}")
    return bounded(lines, _PACKAGES, "more packages")


def write_entries(repository: Repository) -> list[str]:
    """Where programs begin: commands, main functions, targets and images."""
    lines = [
        f"- {code(note.name)}: {plain(note.detail)} {cite(file.path, note.line)}"
        for file, note in list_notes(repository, "entry")
        if not file.is_test
    ]
    return bounded(list(dict.fromkeys(lines)), _ENTRIES)


def write_dependencies(repository: Repository) -> list[str]:
    """The dependencies that manifests state, by manifest."""
    by_file: dict[str, list[Note]] = defaultdict(list)
    for file, note in list_notes(repository, "dependency"):
        by_file[file.path].append(note)
    lines = [
        f"- {code(note.name)} - {plain(note.detail)} {cite(path, note.line)}"
        for path, notes in by_file.items()
        for note in notes
    ]
    return bounded(lines, _DEPENDENCIES)


def _write_settings(repository: Repository) -> list[str]:
    """Environment variables, each with the example file or else the first code that names it."""
    found: dict[str, tuple[FileFacts, Note]] = {}
    notes = list_notes(repository, "setting")
    for file, note in sorted(notes, key=lambda item: item[1].detail != "example"):
        if not file.is_test:
            found.setdefault(note.name, (file, note))
    lines = [
        f"- {code(name)}{' - listed as an example' if note.detail == 'example' else ''} {cite(file.path, note.line)}"
        for name, (file, note) in sorted(found.items())
    ]
    return bounded(lines, _SETTINGS)


def _write_tests(repository: Repository) -> list[str]:
    folders: dict[str, list[FileFacts]] = defaultdict(list)
    for file in repository.files:
        if file.is_test and file.language in PROGRAMMING:
            folders[file.folder].append(file)
    lines = [
        f"- {code(folder)} - {count_of(len(files), 'file')}, {count_of(sum(file.lines for file in files), 'line')} "
        f"{cite(files[0].path, 1)}"
        for folder, files in sorted(folders.items())
    ]
    return bounded(lines, _TESTS)


def _write_licences(repository: Repository) -> list[str]:
    headers: dict[str, list[str]] = defaultdict(list)
    lines = []
    for file, note in list_notes(repository, "licence"):
        if note.detail == "SPDX header":
            headers[note.name].append(cite(file.path, note.line))
        else:
            lines.append(f"- {plain(note.name)}, {plain(note.detail)} {cite(file.path, note.line)}")
    lines += [
        f"- {plain(name)}, in the headers of {count_of(len(places), 'file')} {places[0]}"
        for name, places in headers.items()
    ]
    return bounded(lines, _TESTS)


def write_skipped(repository: Repository) -> list[str]:
    """The files that were not analysed, by reason, with examples; and those whose definitions were not read."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for file in repository.skipped:
        reasons[file.reason].append(file.path)
    for facts in repository.files:
        if facts.problem:
            reasons[f"definitions not read: {facts.problem}"].append(facts.path)
    lines = []
    for reason, paths in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])):
        named = ", ".join(code(path) for path in sorted(paths)[:5])
        more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""  # noqa: PLR2004 - the examples above
        lines.append(f"- {plain(reason)} - {count_of(len(paths), 'file')}: {named}{more}")
    return bounded(lines, _SKIPPED)
