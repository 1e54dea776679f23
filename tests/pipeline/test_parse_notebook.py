import base64
import json
from pathlib import Path
from typing import Any

import pytest

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError, NoExtractableTextError
from app.domain.media import JSON, NOTEBOOK
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse

_PICTURE = base64.b64encode(bytes(range(256)) * 9).decode()


def cell(kind: str, source: str | list[str], *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": kind,
        "metadata": {},
        "source": source,
        **({"outputs": list(outputs)} if kind == "code" else {}),
    }


def read(folder: Path, *cells: dict[str, Any], **metadata: Any) -> Parsed:
    path = folder / "a.ipynb"
    path.write_text(json.dumps({"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    assert detect(path, "a.ipynb") == NOTEBOOK
    return parse(path, NOTEBOOK)


def test_cells_are_text_and_code_between_fences(tmp_path: Path) -> None:
    parsed = read(
        tmp_path,
        cell("markdown", ["# Tides\n", "\n", f"See ![p](data:image/png;base64,{_PICTURE})"]),
        cell("code", "x = 1\nprint(x)", {"output_type": "stream", "name": "stdout", "text": ["1\n"]}),
        cell("code", 'doc = """\n```\n"""'),
        cell("raw", "plain"),
        cell("code", ""),
        kernelspec={"name": "python3", "language": "python"},
        authors=[{"name": "Ida"}],
    )
    code = "```python\nx = 1\nprint(x)\n```\n\n1"
    assert parsed.pages[0].text == f'# Tides\n\nSee ![p]\n\n{code}\n\n````python\ndoc = """\n```\n"""\n````\n\nplain'
    assert parsed.metadata == {"title": "Tides", "author": "Ida", "code_language": "python"}
    assert [(mark.start, mark.level) for mark in parsed.pages[0].marks] == [(0, 1)]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"output_type": "execute_result", "data": {"text/plain": ["4", "2"]}}, "42"),
        ({"output_type": "display_data", "data": {"image/png": _PICTURE, "text/plain": "<Figure>"}}, "<Figure>"),
        ({"output_type": "display_data", "data": {"image/png": _PICTURE}}, ""),
        ({"output_type": "display_data", "data": {
            "text/html": "<table><tr><th>a<th>b<tr><td>1<td>2</table>", "text/plain": "a b"}}, "a | b\n1 | 2"),
        ({"output_type": "error", "ename": "KeyError", "evalue": "'dock'", "traceback": ["\x1b[31mlong\x1b[0m"]},
         "KeyError: 'dock'"),
        ({"output_type": "stream", "text": "\x1b[1;32mgreen\x1b[0m"}, "green"),
        ({"output_type": "stream", "text": "y" * 9000}, "y" * 4000 + "…"),
    ],
)  # fmt: skip
def test_outputs_are_read_as_text(tmp_path: Path, output: dict[str, Any], text: str) -> None:
    written = read(tmp_path, cell("markdown", "start"), cell("code", "run()", output)).pages[0].text
    assert written.removeprefix("start\n\n```\nrun()\n```").strip() == text


def test_older_notebooks_have_worksheets(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {
            "cell_type": "code",
            "language": "r",
            "input": ["x <- 1"],
            "outputs": [{"output_type": "pyout", "text": ["1"]}],
        },
    ]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"metadata": {}, "nbformat": 3, "worksheets": [{"cells": cells}]}))
    assert parse(path, NOTEBOOK).pages[0].text == "## Old\n\n```r\nx <- 1\n```\n\n1"


def test_a_notebook_is_recognised_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text(json.dumps({"cells": [cell("markdown", "x")], "nbformat": 4}))
    assert detect(path, "export.json") == NOTEBOOK
    path.write_text('{"cells": [1, 2]}')
    assert detect(path, "export.json") == JSON


def test_broken_and_empty_notebooks_fail_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    for text, error in (
        ('{"cells": [', DocumentDamagedError),
        ("[" * 100_000, DocumentDamagedError),
        ('{"cells": [], "nbformat": 4}', NoExtractableTextError),
        ('{"cells": [null, {"cell_type": "code", "source": 7, "outputs": [3, {"data": []}]}]}', NoExtractableTextError),
    ):
        path.write_text(text)
        with pytest.raises(error):
            parse(path, NOTEBOOK)
