"""Names of test files."""

from collections import Counter
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def test_no_two_test_files_have_the_same_name() -> None:
    # pytest imports test files, whose folders are no packages, by their names alone.
    names = Counter(path.name for path in _TESTS.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
