"""Plots as SVG, of horizontal bars: a few lines instead of a plotting library."""

import math
from collections.abc import Sequence
from html import escape

from benchmarks.report.figures import Figure

_WIDTH, _LABELS, _ROW, _TOP = 860, 380, 24, 34
_BAR_WIDTH = _WIDTH - _LABELS - 90
_GOOD, _BAD, _NEUTRAL = "#2a7f62", "#b5483a", "#4a6fa5"


def draw_bars(title: str, bars: Sequence[tuple[str, float]]) -> str:
    """Bars whose lengths are proportional to their values."""
    longest = max((value for _, value in bars), default=1) or 1
    rows = [
        _draw_row(row, label, max(value, 0) / longest, f"{value:,.1f}", _NEUTRAL)
        for row, (label, value) in enumerate(bars)
    ]
    return _draw_plot(title, rows)


def draw_ratios(figures: Sequence[Figure]) -> str:
    """Ratios on a logarithmic scale around 1, with a line at each target; green where the target is met."""
    reach = max((abs(math.log(number)) for figure in figures for number in _list_numbers(figure)), default=1) or 1

    def place(ratio: float) -> float:
        return 0.5 + math.log(ratio) / reach / 2

    rows = list[str]()
    for row, figure in enumerate(figures):
        color = _GOOD if figure.holds else _BAD
        label = f"{figure.name}, to {figure.peer}"
        rows.append(_draw_row(row, label, place(figure.compared), f"{figure.compared:.2f} ({figure.target})", color))
        x = _LABELS + place(_list_numbers(figure)[1]) * _BAR_WIDTH
        y = _TOP + row * _ROW
        rows.append(f'<line x1="{x:.0f}" y1="{y}" x2="{x:.0f}" y2="{y + _ROW - 4}" stroke="#000" stroke-width="2"/>')
    return _draw_plot("Ratios to the peers, logarithmic; the lines are the targets", rows)


def _list_numbers(figure: Figure) -> tuple[float, float]:
    """The ratio of a figure, and its target."""
    return figure.compared, figure.at_most or figure.at_least or 1.0


def _draw_row(row: int, label: str, length: float, text: str, color: str) -> str:
    y, width = _TOP + row * _ROW, length * _BAR_WIDTH
    return (
        f'<text x="{_LABELS - 8}" y="{y + 15}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_ROW - 4}" fill="{color}"/>'
        f'<text x="{_LABELS + width + 6:.0f}" y="{y + 15}">{escape(text)}</text>'
    )


def _draw_plot(title: str, rows: Sequence[str]) -> str:
    count = sum("<rect" in row for row in rows)
    size = f'width="{_WIDTH}" height="{_TOP + count * _ROW + 8}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    name = f'<text x="8" y="20" font-size="14" font-weight="bold">{escape(title)}</text>'
    return "\n".join([head, background, name, *rows, "</svg>"]) + "\n"
