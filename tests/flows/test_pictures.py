"""A picture that is uploaded where an OCR engine is installed is found by its words."""

import pytest

from tests.pipeline.scans import LINES, draw, make_scan, save
from tests.running import Stack

pytest.importorskip("rapidocr", reason="the extra ocr is not installed")


def test_a_picture_and_a_scan_are_found_by_their_words_and_a_blank_picture_is_refused(stack: Stack) -> None:
    stack.environment["OCR_ENGINE"] = "auto"
    stack.start_api()
    stack.start_workers("high")
    agent = stack.post("/agents", {"name": "harbour"})["id"]
    files = {
        "photo.jpg": save(draw(*LINES[:3]), "JPEG"),
        "scan.pdf": make_scan(draw(*LINES[3:])),
        "blank.png": save(draw(), "PNG"),
    }
    accepted = [stack.upload(agent, name, content) for name, content in files.items()]
    photo, scan, blank = stack.finish([one["task_id"] for one in accepted], 120)
    assert (photo["state"], scan["state"]) == ("SUCCESS", "SUCCESS"), (photo, scan)
    assert blank["error"]["code"] == "no_extractable_text"
    found = stack.post(f"/agents/{agent}/search", {"query": "permits renewed in September"})["results"]
    assert found[0]["filename"] == "photo.jpg"
    assert stack.get(f"/documents/{accepted[1]['document_id']}")["metadata"]["ocr_confidence"] > 0.9
