"""RapidOCR reads scans offline, within the limits of the sandbox, and says how certain it is."""

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from app.domain.documents import Parsed
from app.domain.errors import NoExtractableTextError, ParseLimitExceededError
from app.domain.media import PDF
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.choice import RAPIDOCR_LANGUAGES, choose_engine
from app.pipeline.parse.ocr.engine import Reading
from app.pipeline.sandbox.sandbox import ParserSandbox
from tests.pipeline.documents import draw_line
from tests.pipeline.scans import COLUMNS, LINES, draw, make_scan, spoil

pytest.importorskip("rapidocr", reason="the extra ocr is not installed")
LIMITS = Limits(ocr_engine="rapidocr")


def read(tmp_path: Path, content: bytes, limits: Limits = LIMITS) -> Parsed:
    path = tmp_path / "scan.pdf"
    path.write_bytes(content)
    return parse(path, PDF, limits=limits)


def words(parsed: Parsed) -> str:
    return " ".join(" ".join(page.text for page in parsed.pages).split())


@pytest.mark.parametrize("dpi", [150, 300])
@pytest.mark.parametrize("damage", [{}, {"skew": 2.5, "noise": 20}, {"skew": -1, "noise": 25}])
def test_a_scan_is_read_line_by_line(tmp_path: Path, dpi: int, damage: dict[str, Any]) -> None:
    parsed = read(tmp_path, make_scan(spoil(draw(*LINES, dpi=dpi), **damage)))
    assert words(parsed) == " ".join(LINES)
    assert parsed.metadata["ocr_engine"] == "rapidocr"
    assert parsed.metadata["ocr_pages"] == [1]
    assert parsed.metadata["ocr_confidence"] > 0.9
    assert "ocr_uncertain_pages" not in parsed.metadata


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_head_is_read_in_order(tmp_path: Path, turn: int) -> None:
    page = spoil(draw(*LINES), skew=1).rotate(-turn, expand=True)
    assert words(read(tmp_path, make_scan(page))) == " ".join(LINES)


@pytest.mark.parametrize("skew", [0, 2])
def test_columns_are_read_one_after_the_other_below_their_heading(tmp_path: Path, skew: float) -> None:
    heading = "Report of the harbour office on the traffic of the whole canal during the winter months"
    page = spoil(draw(heading, columns=COLUMNS, dpi=200), skew=skew)
    assert words(read(tmp_path, make_scan(page))) == " ".join([heading, *COLUMNS[0], *COLUMNS[1]])


def test_the_cells_of_a_row_stay_side_by_side(tmp_path: Path) -> None:
    names = ("Lanterns", "Ropes", "Anchors", "Barrels", "Sails")
    counts = ("14 pieces", "220 metres", "3 pieces", "71 pieces", "9 pieces")
    page = draw(columns=(names, counts), dpi=200)
    assert words(read(tmp_path, make_scan(page))) == " ".join(
        f"{name} {count}" for name, count in zip(names, counts, strict=True)
    )


def test_the_text_of_a_page_and_of_its_picture_are_read_once_each(tmp_path: Path) -> None:
    text = draw_line(72, 60, "Attachment 7 of the contract")
    found = words(read(tmp_path, make_scan(draw(*LINES), texts=[text])))
    assert found == " ".join(["Attachment 7 of the contract", *LINES])


def test_a_scan_with_a_hidden_layer_of_text_is_not_read_twice(tmp_path: Path) -> None:
    layer = "".join(draw_line(72, 700 - 24 * row, line) for row, line in enumerate(LINES[:4]))
    parsed = read(tmp_path, make_scan(draw(*LINES[:4]), texts=[layer], hidden=True))
    assert words(parsed) == " ".join(LINES[:4])
    assert "ocr_pages" not in parsed.metadata


def test_lines_that_a_hidden_layer_lacks_are_added(tmp_path: Path) -> None:
    layer = draw_line(72, 700, LINES[0])
    parsed = read(tmp_path, make_scan(draw(*LINES), texts=[layer], hidden=True))
    assert words(parsed) == " ".join(LINES)


def test_pages_are_reported_one_by_one_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scan(*(draw(line, dpi=200) for line in LINES[:3])))
    steps: list[tuple[int, int]] = []
    parsed = parse(path, PDF, lambda *step: steps.append(step), limits=LIMITS)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert [(page.number, page.text) for page in parsed.pages] == list(enumerate(LINES[:3], 1))


class Uncertain:
    """An engine that is less certain of each further page."""

    def __init__(self) -> None:
        self._confidence = 1.2

    def read(self, _picture: object, _seconds: float) -> Reading:
        self._confidence -= 0.25
        return Reading("Ten signs.", self._confidence)


def test_uncertain_pages_are_named_with_their_confidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pipeline.parse.ocr.reader.make_engine", lambda *_: Uncertain())
    metadata = read(tmp_path, make_scan(*[draw(LINES[0])] * 3)).metadata
    assert metadata["ocr_pages"] == [1, 2, 3]
    assert metadata["ocr_uncertain_pages"] == [{"page": 2, "confidence": 0.7}, {"page": 3, "confidence": 0.45}]
    assert metadata["ocr_confidence"] == 0.7


def test_a_short_scan_is_read_though_its_text_is_as_short_as_a_label(tmp_path: Path) -> None:
    assert words(read(tmp_path, make_scan(draw("Gate 4711")))) == "Gate 4711"


def test_a_picture_without_text_says_that_nothing_was_found(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError, match="OCR found none"):
        read(tmp_path, make_scan(draw()))


def test_a_scan_says_how_to_have_it_read_where_ocr_is_off(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError, match='make extras EXTRAS="ocr"'):
        read(tmp_path, make_scan(draw(*LINES)), Limits())


def test_pages_beyond_the_time_of_ocr_are_not_lost_without_notice(tmp_path: Path) -> None:
    limits = Limits(ocr_engine="rapidocr", ocr_seconds=0.01)
    with pytest.raises((ParseLimitExceededError, NoExtractableTextError), match="seconds"):
        read(tmp_path, make_scan(draw(*LINES), draw(*LINES)), limits)


def test_no_connection_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert LINES[0] in words(read(tmp_path, make_scan(draw(*LINES))))


async def test_the_sandbox_reads_large_scans_within_its_memory_and_extends_its_time(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scan(*[spoil(draw(*LINES, columns=COLUMNS, dpi=300), noise=30)] * 2))
    sandbox = ParserSandbox(size=1, time_limit=3, memory_mb=1024, max_pages=10, ocr_engine="rapidocr", ocr_seconds=300)
    try:
        parsed = await sandbox.parse(path, PDF)
    finally:
        await sandbox.close()
    assert [page.text.count("sentence") for page in parsed.pages] == [12, 12]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1024 * 1024


async def test_without_time_for_ocr_the_time_limit_holds(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(make_scan(draw(*LINES)))
    sandbox = ParserSandbox(size=1, time_limit=0.05, memory_mb=1024, max_pages=10, ocr_engine="rapidocr", ocr_seconds=0)
    try:
        with pytest.raises((ParseLimitExceededError, asyncio.TimeoutError)):
            await sandbox.parse(path, PDF)
    finally:
        await sandbox.close()


@pytest.mark.parametrize(
    ("setting", "languages", "engine"),
    [
        ("auto", None, "rapidocr"),
        ("auto", "eng+deu", "rapidocr"),
        ("auto", "rus", "tesseract"),
        ("tesseract", None, "tesseract"),
        ("off", "eng", None),
    ],
)
def test_the_engine_is_chosen_by_the_setting_and_by_the_languages(
    setting: Any, languages: str | None, engine: str | None
) -> None:
    assert choose_engine(setting, languages) == engine


def test_without_the_extra_ocr_is_off_unless_languages_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pipeline.parse.ocr.choice.find_spec", lambda _name: None)
    assert choose_engine("auto", None) is None
    assert choose_engine("auto", "eng") == "tesseract"
    assert {"deu", "spa", "chi_sim", "jpn"} <= RAPIDOCR_LANGUAGES
