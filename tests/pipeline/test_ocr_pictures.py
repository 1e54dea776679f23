"""Uploaded pictures are read by OCR where an engine is installed, and refused with advice where none is."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.documents import Parsed
from app.domain.errors import (
    DocumentDamagedError,
    NoExtractableTextError,
    ParseLimitExceededError,
    UnsupportedTypeError,
)
from app.domain.media import BMP, JPEG, PICTURES, PNG, TIFF, WEBP
from app.pipeline.detection.media_type import detect
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.choice import reads_pictures
from tests.pipeline.pictures import make_png
from tests.pipeline.scans import LINES, Image, draw, save

pytest.importorskip("rapidocr", reason="the extra ocr is not installed")
LIMITS = Limits(ocr_engine="rapidocr", pages=5)
KINDS = {PNG: "PNG", JPEG: "JPEG", TIFF: "TIFF", WEBP: "WEBP", BMP: "BMP"}


def read(tmp_path: Path, content: bytes, media_type: str, limits: Limits = LIMITS) -> Parsed:
    path = tmp_path / "picture"
    path.write_bytes(content)
    assert detect(path, "a", pictures=True) == media_type
    return parse(path, media_type, limits=limits)


def words(parsed: Parsed) -> str:
    return " ".join(" ".join(page.text for page in parsed.pages).split())


@pytest.mark.parametrize("media_type", PICTURES)
def test_every_kind_of_picture_is_read(tmp_path: Path, media_type: str) -> None:
    parsed = read(tmp_path, save(draw(*LINES[:2]).convert("RGB"), KINDS[media_type]), media_type)
    assert words(parsed) == " ".join(LINES[:2])
    assert [page.number for page in parsed.pages] == [None]
    assert parsed.metadata["ocr_confidence"] > 0.9


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_depth_of_colour_are_read(tmp_path: Path, mode: str) -> None:
    page = draw(*LINES[:2], dpi=200)
    if mode == "I;16":
        page = Image.fromarray(np.asarray(page).astype(np.uint16) * 257)
    elif mode in {"LA", "RGBA"}:  # black letters on a transparent page
        letters = Image.new(mode, page.size, 0)
        letters.putalpha(page.point(lambda value: 255 - value))
        page = letters
    else:
        page = page.convert("RGB").convert(mode)
    assert words(read(tmp_path, save(page, "TIFF"), TIFF)) == " ".join(LINES[:2])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "group4", "jpeg"])
def test_a_picture_of_several_pages_is_read_page_by_page(tmp_path: Path, compression: str) -> None:
    first, *rest = [draw(line).convert("1" if compression == "group4" else "L") for line in LINES[:3]]
    content = save(first, "TIFF", save_all=True, append_images=rest, compression=compression)
    parsed = read(tmp_path, content, TIFF)
    assert [(page.number, page.text) for page in parsed.pages] == list(enumerate(LINES[:3], 1))
    assert parsed.metadata["page_count"] == 3


def test_a_smaller_copy_of_a_page_is_not_read(tmp_path: Path) -> None:
    from PIL.TiffImagePlugin import AppendingTiffWriter, ImageFileDirectory_v2  # noqa: PLC0415, needs the extra

    file = io.BytesIO()
    with AppendingTiffWriter(file, new=True) as writer:
        for reduced in (0, 1):
            tags = ImageFileDirectory_v2()
            tags[254] = reduced
            draw(*LINES[:2]).save(writer, "TIFF", tiffinfo=tags)
            writer.newFrame()
    assert words(read(tmp_path, file.getvalue(), TIFF)) == " ".join(LINES[:2])


@pytest.mark.parametrize(("orientation", "turn"), [(3, 180), (6, 90), (8, -90)])
def test_a_photo_is_read_as_its_camera_was_held(tmp_path: Path, orientation: int, turn: int) -> None:
    turned = draw(*LINES[:3]).rotate(turn, expand=True)
    exif = turned.getexif()
    exif[274] = orientation
    assert words(read(tmp_path, save(turned, "JPEG", exif=exif), JPEG)) == " ".join(LINES[:3])


def test_a_picture_without_text_has_no_extractable_text(tmp_path: Path) -> None:
    shades = np.linspace(0, 255, 400, dtype=np.uint8)
    photo = Image.fromarray(np.add.outer(shades // 2, shades // 2).astype(np.uint8))
    with pytest.raises(NoExtractableTextError, match="OCR found none"):
        read(tmp_path, save(photo, "PNG"), PNG)


@pytest.mark.parametrize("keep", [0.2, 0.5])
@pytest.mark.parametrize("media_type", [PNG, JPEG, TIFF, WEBP, BMP])
def test_a_truncated_picture_is_damaged(tmp_path: Path, media_type: str, keep: float) -> None:
    content = save(draw(*LINES), KINDS[media_type])
    with pytest.raises(DocumentDamagedError):
        read(tmp_path, content[: int(len(content) * keep)], media_type)


def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path: Path) -> None:
    with pytest.raises(ParseLimitExceededError, match="100,000,000 pixels"):
        read(tmp_path, make_png([bytes(1000)], width=50_000, height=50_000), PNG)


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    page = draw(*LINES[:2], dpi=600)
    assert page.width * page.height > 30_000_000
    assert words(read(tmp_path, save(page, "JPEG"), JPEG)) == " ".join(LINES[:2])


def test_a_picture_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    content = save(draw(), "TIFF", save_all=True, append_images=[draw()] * 5)
    with pytest.raises(ParseLimitExceededError, match="6 pages"):
        read(tmp_path, content, TIFF)


@pytest.mark.parametrize("media_type", PICTURES)
def test_a_picture_is_refused_with_what_to_install_where_no_engine_is(tmp_path: Path, media_type: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(save(draw(LINES[0]), KINDS[media_type]))
    with pytest.raises(UnsupportedTypeError, match='make extras EXTRAS="ocr"') as refused:
        detect(path, "a.pdf")
    assert refused.value.detected_type == media_type


def test_a_text_that_begins_like_a_picture_stays_a_text(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"BMW delivered 40 cars in May. The rest follows in June, says the dealer.")
    assert detect(path, "a.txt", pictures=True) == "text/plain"


@pytest.mark.parametrize(
    ("setting", "missing", "expected"),
    [("auto", "", True), ("auto", "rapidocr", False), ("auto", "PIL", False), ("off", "", False)],
)
def test_pictures_are_accepted_by_setting_and_installation(
    monkeypatch: pytest.MonkeyPatch, setting: Any, missing: str, expected: bool
) -> None:
    monkeypatch.setattr("app.pipeline.parse.ocr.choice.find_spec", lambda name: None if name == missing else object())
    assert reads_pictures(setting, None) == expected
