"""Statements that go to the driver directly: those of every search and every task.

SQLAlchemy would take most of their processor time.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")


class Statement:
    """An SQL statement for ``fetch``. Its parameters are written ``:name``, as in ``sqlalchemy.text``.

    Their types are those that Postgres infers, so most of them need a CAST. A JSON parameter is given as text.
    """

    __slots__ = ("names", "sql", "text")

    def __init__(self, sql: str) -> None:
        names = list(dict.fromkeys(_PARAMETER.findall(sql)))
        numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
        self.sql = _PARAMETER.sub(lambda match: numbers[match[1]], sql)
        self.names = names
        self.text = sql

    def order(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the placeholders."""
        return [parameters[name] for name in self.names]


def write_array(numbers: Iterable[int]) -> str:
    """An array of integers as text, for a parameter ``CAST(CAST(:name AS text) AS bigint[])``.

    The driver checks the type of each element of a list, which takes longer than writing and reading the text.
    """
    return f"{{{','.join(map(str, numbers))}}}"
