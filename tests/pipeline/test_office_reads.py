"""Parts of Office files are read once, and their elements are found by local names."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from app.domain.media import DOCX, PPTX, XLSX
from app.pipeline.parse import parse
from app.pipeline.parse.limits import Budget
from app.pipeline.parse.xml import attribute, child
from app.pipeline.parse.zip_package import ZipPackage
from tests.pipeline.documents import make_docx, paragraph
from tests.pipeline.packages import make_pptx, make_xlsx, shape, slide


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    counts = Counter[str]()
    inflate = ZipPackage._inflate

    def count(package: ZipPackage, name: str, budget: Budget) -> Iterator[bytes]:
        counts[name] += 1
        return inflate(package, name, budget)

    monkeypatch.setattr(ZipPackage, "_inflate", count)
    return counts


@pytest.mark.parametrize("media_type", [DOCX, XLSX, PPTX])
def test_no_part_of_an_office_file_is_unpacked_twice(tmp_path: Path, inflated: Counter[str], media_type: str) -> None:
    path = tmp_path / "a"
    if media_type == DOCX:
        make_docx(path, paragraph("Text."), {"header1": "<w:hdr xmlns:w='w'><w:p/></w:hdr>"}, links={"a": "b"})
    elif media_type == XLSX:
        make_xlsx(path, {"A": "<row><c t='str'><v>Text.</v></c></row>", "B": "<row><c><v>1</v></c></row>"})
    else:
        make_pptx(path, [slide(shape("Text.")), slide(shape("More."))])
    assert "Text." in parse(path, media_type).pages[0].text
    assert inflated
    repeated = {name for name, count in inflated.items() if count > 1}
    assert {name for name in repeated if "/sheet" not in name} == set()  # the layout of a sheet follows its rows


def test_elements_and_attributes_are_found_by_their_whole_local_name() -> None:
    root = etree.fromstring(
        '<a xmlns:x="x" xmlns:y="y" x:interval="0" y:val="1" val="2"><!-- b --><x:bb/><x:b/><b c="3"/></a>'
    )
    assert attribute(root, "val") == "1"
    assert attribute(root, "value") is None
    found = child(root, "b")
    assert found is not None
    assert found.tag == "{x}b"
    assert child(root, "b", "c") is None
    assert child(None, "b") is None
