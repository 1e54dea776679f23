"""What a repository depends on: requirements files with hashes, and imports from outside."""

import pytest

from app.pipeline.specs.analysis import analyse_file
from app.pipeline.specs.facts import Repository
from app.pipeline.specs.manifests import list_manifest_notes
from app.pipeline.specs.packages import list_edges, list_external


@pytest.mark.parametrize(
    "line",
    [
        "arq==0.25.0 \\",
        "arq==0.25.0 --hash=sha256:00",
        "arq == 0.25.0 ; python_version < '3.14' \\",
        "arq[redis]==0.25.0  # pinned",
    ],
)
def test_the_version_of_a_requirement_is_without_its_options(line: str) -> None:
    [note] = list_manifest_notes("requirements.txt", f"{line}\n    --hash=sha256:11 \\\n    --hash=sha256:22\n")
    assert (note.name, note.detail.replace(" ", "")) == ("arq", "==0.25.0,runtime")


def list_names(source: str, path: str = "a.py", **others: str) -> list[str]:
    """The names of what this file imports from outside, with these other modules beside it."""
    files = [analyse_file(path, source.encode())]
    files += [analyse_file(f"{name}.py", text.encode()) for name, text in others.items()]
    repository = Repository("weir", files, [])
    assert list_edges(repository) == []
    return list(list_external(repository))


def test_a_future_import_is_one_of_the_standard_library() -> None:
    assert list_names("from __future__ import annotations\n") == ["__future__ (Python, standard library)"]
    assert list_names("from __future__ import annotations\n", annotations="") == [
        "__future__ (Python, standard library)"
    ]


def test_standard_libraries_come_last_whatever_the_names_of_others_are() -> None:
    assert list_names("import os\nimport zstandard\n") == ["zstandard (Python)", "os (Python, standard library)"]
