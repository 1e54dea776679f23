"""Charts are tables of what they show."""

import pytest
from lxml import etree

from app.domain.errors import ParseLimitExceededError
from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.charts import write_chart
from tests.pipeline.packages import A, C, chart


def write(content: str, budget: int = 10_000) -> str:
    return "\n\n".join(write_chart(etree.fromstring(content), Budget(budget, "too much"))).replace("\ufdd0", "")


def plot(content: str, before: str = "") -> str:
    area = f"<c:chart>{before}<c:plotArea>{content}</c:plotArea></c:chart>"
    return f'<c:chartSpace xmlns:c="{C}" xmlns:a="{A}">{area}</c:chartSpace>'


def title(text: str) -> str:
    return f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>"


def points(kind: str, *values: str) -> str:
    items = (f'<c:pt idx="{at}"><c:v>{value}</c:v></c:pt>' for at, value in enumerate(values))
    return f"<c:{kind}>{''.join(items)}</c:{kind}>"


def test_series_are_columns_and_categories_rows() -> None:
    assert write(chart("Tolls", ["Hull", "Goole"], {"2024": [1, 2], "2025": [3, 4.5]})) == (
        "Tolls\n\n | 2024 | 2025\nHull | 1 | 3\nGoole | 2 | 4.5"
    )


def test_axes_have_their_titles_and_a_title_may_be_that_of_a_cell() -> None:
    axes = f"<c:catAx>{title('Year')}</c:catAx><c:valAx>{title('Tons')}</c:valAx><c:valAx><c:title/></c:valAx>"
    heading = f"<c:title><c:tx><c:strRef>{points('strCache', 'From a cell')}</c:strRef></c:tx></c:title>"
    series = f"<c:lineChart><c:ser><c:val><c:numLit>{points('x', '7')[5:-6]}</c:numLit></c:val></c:ser></c:lineChart>"
    assert write(plot(series + axes, heading)) == "From a cell\n\nAxes: Year, Tons\n\n | Series 1\n1 | 7"


def test_series_with_categories_of_their_own_are_tables_of_their_own() -> None:
    def scatter(name: str, across: str, up: str) -> str:
        return (
            f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:xVal><c:numRef>{points('numCache', across)}</c:numRef></c:xVal>"
            f"<c:yVal><c:numRef>{points('numCache', up)}</c:numRef></c:yVal></c:ser>"
        )

    text = write(plot(f"<c:scatterChart>{scatter('a', '1', '2')}{scatter('b', '3', '4')}</c:scatterChart>"))
    assert text == " | a\n1 | 2\n\n | b\n3 | 4"


def test_bubbles_have_their_sizes() -> None:
    parts = "".join(f"<c:{name}>{points('numLit', value)}</c:{name}>" for name, value in (("xVal", "1"), ("yVal", "2")))
    bubble = f"<c:ser>{parts}<c:bubbleSize>{points('numLit', '9')}</c:bubbleSize></c:ser>"
    assert write(plot(f"<c:bubbleChart>{bubble}</c:bubbleChart>")) == " | Series 1 | Size\n1 | 2 | 9"


def test_levels_of_categories_are_joined_and_series_that_are_filtered_out_left_out() -> None:
    levels = "".join(f"<c:lvl>{points('x', *names)[5:-6]}</c:lvl>" for names in (("Q1", "Q2"), ("2025",)))
    shown = (
        f"<c:ser><c:cat><c:multiLvlStrRef><c:multiLvlStrCache>{levels}</c:multiLvlStrCache></c:multiLvlStrRef></c:cat>"
    )
    values = f"<c:val>{points('numLit', '1', '2')}</c:val></c:ser>"
    hidden = f"<c:extLst><c:filteredBarSeries><c:ser>{values}</c:filteredBarSeries></c:extLst>"
    text = write(plot(f"<c:barChart>{shown}{values}{hidden}</c:barChart>"))
    assert text == " | Series 1\n2025 Q1 | 1\n2025 Q2 | 2"


def test_values_are_written_as_the_chart_shows_them() -> None:
    assert write(chart("", ["a"], {"share": [0.125]}, code="0.0%")) == " | share\na | 12.5%"
    assert write(chart("", ["a"], {"sum": [0.1 + 0.2]})) == " | sum\na | 0.3"


def test_charts_of_office_2016_are_read_as_well() -> None:
    data = (
        '<x:chartData><x:data id="0"><x:strDim type="cat"><x:lvl><x:pt idx="0">North</x:pt></x:lvl></x:strDim>'
        '<x:numDim type="val"><x:lvl formatCode="General"><x:pt idx="0">5</x:pt></x:lvl></x:numDim>'
        "</x:data></x:chartData>"
    )
    series = '<x:series><x:tx><x:txData><x:v>Ships</x:v></x:txData></x:tx><x:dataId val="0"/></x:series>'
    heading = "<x:title><x:tx><x:txData><x:v>Fleet</x:v></x:txData></x:tx></x:title>"
    body = f"<x:chart>{heading}<x:plotArea><x:plotAreaRegion>{series}</x:plotAreaRegion></x:plotArea></x:chart>"
    assert write(f'<x:chartSpace xmlns:x="cx">{data}{body}</x:chartSpace>') == "Fleet\n\n | Ships\nNorth | 5"


def test_a_chart_of_too_much_text_is_refused() -> None:
    with pytest.raises(ParseLimitExceededError):
        write(chart("", ["x" * 50] * 10, {"a": [1] * 10}), budget=100)
