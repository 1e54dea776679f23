from pathlib import Path

import pytest

from app.domain.errors import DocumentDamagedError, NoExtractableTextError
from app.domain.media import JSON, SOURCE, XML, YAML
from app.pipeline.parse import parse

PYTHON = 'class Lock:\n    """A lock."""\n\n    def fill(self):\n\tif x:\n\n\n        return "<p>  kept  </p>"'


def read(folder: Path, data: bytes, media_type: str = SOURCE) -> str:
    path = folder / "a"
    path.write_bytes(data)
    return parse(path, media_type).pages[0].text


@pytest.mark.parametrize("media_type", [SOURCE, JSON, XML, YAML])
def test_source_stays_as_written(tmp_path: Path, media_type: str) -> None:
    assert read(tmp_path, b"\n    indented first\n" + PYTHON.encode(), media_type) == "    indented first\n" + PYTHON


def test_a_file_that_declares_its_encoding_is_believed(tmp_path: Path) -> None:
    russian = "# -*- coding: koi8-r -*-\nx = 'Да'"
    assert read(tmp_path, russian.encode("koi8-r")) == russian
    xml = '<?xml version="1.0" encoding="iso-8859-2"?>\n<a>Łódź</a>'
    assert read(tmp_path, xml.encode("iso-8859-2"), XML) == xml


def test_entities_stay_as_written(tmp_path: Path) -> None:
    text = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<a>&x;</a>'
    assert read(tmp_path, text.encode(), XML) == text


def test_blank_or_binary_files_fail_by_name(tmp_path: Path) -> None:
    with pytest.raises(NoExtractableTextError):
        read(tmp_path, b" \n\t\n")
    with pytest.raises(DocumentDamagedError):
        read(tmp_path, bytes(range(256)) * 8)
