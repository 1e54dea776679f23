"""Tables of the command line."""

import pytest

from app.cli.output import print_table


def test_a_cell_with_an_object_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["filter"], [[{"type": "eq", "key": "department", "value": "sales"}]])
    assert '{"type": "eq", "key": "department", "value": "sales"}' in capsys.readouterr().out
