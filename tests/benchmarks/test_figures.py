"""Figures of benchmarks: medians, ratios, targets, and their form in files and pages."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.report.check import find_differences
from benchmarks.report.figures import Bound, Figure, compare, describe_run, read_figures
from benchmarks.report.plots import draw_bars, draw_ratios
from benchmarks.report.publish import publish, render

_RATIO = Figure("uploads", 30, "/s", at_least=1.3, peer="honest peer", peer_value=20)


def test_a_comparison_has_the_median_of_the_rounds_and_a_figure_for_each_peer() -> None:
    rounds = {"Sluice": [1.0, 9.0, 2.0], "one": [4.0, 4.0, 400.0], "other": [1.0, 1.0, 1.0]}
    first, second = compare("wait", "ms", rounds, {"one": Bound(0.5)})
    assert (first.value, first.peer, first.peer_value, first.ratio) == (2.0, "one", 4.0, 0.5)
    assert first.holds
    assert (second.peer, second.ratio, second.target) == ("other", 2.0, "")


def test_a_target_is_for_the_ratio_where_there_is_a_peer() -> None:
    assert _RATIO.holds
    assert not Figure("uploads", 30, "/s", at_least=1.6, peer="honest peer", peer_value=20).holds
    assert not Figure("memory", 301, "MB", at_most=300).holds


def test_a_run_that_was_written_is_read_again() -> None:
    found = {"uploads": [_RATIO], "limits": [Figure("fsync", 900, "/s")]}
    assert read_figures(json.loads(json.dumps(describe_run(found)))) == found


def test_a_published_run_keeps_the_figures_of_measures_that_did_not_run(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text("# P\n\n<!-- figures -->\nold\n<!-- end of figures -->\nend\n")
    publish({"uploads": [_RATIO]}, tmp_path)
    publish({"limits": [Figure("fsync", 900, "/s")]}, tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "old" not in page
    assert page.endswith("<!-- end of figures -->\nend\n")
    assert "| uploads | 30.0 /s | honest peer | 20.0 /s | 1.50 | ≥ 1.3 | yes |" in page
    assert "| fsync | 900 /s |  |  |" in page
    for plot in tmp_path.glob("*.svg"):
        ET.parse(plot)  # noqa: S314, written by this test


def test_a_missed_target_is_marked() -> None:
    run = describe_run({"streams": [Figure("memory", 301, "MB", at_most=300)]}) | {"versions": {"celery": "5"}}
    assert "| memory | 301 MB | ≤ 300 | **no** |" in render(run)


@pytest.mark.parametrize(("value", "differs"), [(30, False), (25, False), (35, False), (23, True), (37, True)])
def test_a_ratio_differs_when_it_is_more_than_a_fifth_away_from_the_published_one(value: float, differs: bool) -> None:
    measured = Figure("uploads", value, "/s", at_least=1.3, peer="honest peer", peer_value=20)
    assert bool(find_differences({"uploads": [_RATIO]}, {"uploads": [measured]})) is differs


def test_figures_without_a_target_are_not_checked_and_unpublished_ones_are_named() -> None:
    assert find_differences({}, {"uploads": [Figure("p99", 3, "ms", peer="bare peer", peer_value=2)]}) == []
    assert find_differences({}, {"uploads": [_RATIO]}) == ["uploads: uploads, to honest peer: not published"]


def test_plots_are_well_formed_and_contain_every_bar() -> None:
    bars = ET.fromstring(draw_bars("Rates <a>", [("one & two", 3.0), ("none", 0.0), ("less", -1.0)]))  # noqa: S314
    assert len([element for element in bars if element.tag.endswith("rect")]) == 4, "three bars and the background"
    ratios = ET.fromstring(draw_ratios([_RATIO]))  # noqa: S314
    assert "1.50 (≥ 1.3)" in [element.text for element in ratios]
