"""docs/performance.md shows the published run, and explains each target that it misses."""

import json
import re

from benchmarks.__main__ import GROUPS, MEASURES
from benchmarks.report.figures import read_figures
from benchmarks.report.publish import DOCS, PAGE, PUBLISHED, draw_plots, explain, render
from benchmarks.report.reasons import NOT_EXPLAINED
from tests.docs.pages import PAGES

_RUN = json.loads(PUBLISHED.read_text())
_FIGURES = read_figures(_RUN)


def test_the_table_is_that_of_the_published_run() -> None:
    assert render(_RUN) in PAGE.read_text(), "run the benchmarks with --publish"


def test_the_plots_are_those_of_the_published_run() -> None:
    for name, plot in draw_plots(_FIGURES).items():
        assert (DOCS / name).read_text() == plot
        assert f"({name})" in PAGE.read_text()


def test_each_missed_target_is_explained() -> None:
    missed = [figure for figures in _FIGURES.values() for figure in figures if not figure.holds]
    assert [figure.name for figure in missed if NOT_EXPLAINED in explain(figure)] == [], "write it into reasons.py"


def test_pages_name_benchmarks_that_exist() -> None:
    named = {
        word
        for page in PAGES
        for arguments in re.findall(r"make bench ARGS=(\"[^\"]+\"|\w+)", page.read_text())
        for word in arguments.strip('"').split()
        if not word.startswith("--")
    }
    assert named - MEASURES.keys() - GROUPS.keys() == set()
