"""SQL in the code keeps the rules of docs/locks.md that its text shows."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUBQUERY = re.compile(r"\bIN\s*\(\s*SELECT\b", re.IGNORECASE)
LIMIT = re.compile(r"\bLIMIT\b")


def find_end(source: str, start: int) -> int:
    """The position behind the bracket that closes the first one after ``start``."""
    depth = 0
    for position in range(source.index("(", start), len(source)):
        depth += {"(": 1, ")": -1}.get(source[position], 0)
        if depth == 0:
            return position
    return len(source)


def find_limited_subqueries(source: str) -> list[str]:
    """The subqueries after IN that have a LIMIT."""
    found = (source[match.start() : find_end(source, match.start())] for match in SUBQUERY.finditer(source))
    return [subquery for subquery in found if LIMIT.search(subquery)]


def test_no_subquery_after_in_has_a_limit() -> None:
    """A plan may run it more than once: use a MATERIALIZED part, or ``= ANY (ARRAY(SELECT …))``."""
    files = [*(ROOT / "app").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    found = {file.name: subqueries for file in files if (subqueries := find_limited_subqueries(file.read_text()))}
    assert found == {}


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("DELETE FROM t WHERE id IN (\n SELECT id FROM t ORDER BY id LIMIT :limit FOR UPDATE)", 1),
        ("DELETE FROM t WHERE id = ANY (ARRAY(SELECT id FROM t LIMIT 1))", 0),
        ("SELECT * FROM t WHERE id IN (SELECT max(id) FROM t GROUP BY (a, b)) LIMIT 1", 0),
    ],
)
def test_a_limited_subquery_is_found(source: str, number: int) -> None:
    assert len(find_limited_subqueries(source)) == number
