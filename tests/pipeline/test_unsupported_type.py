"""The message that refuses a file says what the file is."""

from pathlib import Path

import pytest

from app.domain.errors import UnsupportedTypeError
from app.pipeline.detection.media_type import detect
from app.pipeline.detection.unsupported_type import identify, refuse
from tests.flows.zips import make_zip
from tests.pipeline.compound_files import make_compound

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1024)
_PACKAGE = make_zip({"[Content_Types].xml": b"<Types/>", "visio/document.xml": b"<a/>"})


@pytest.mark.parametrize(
    ("content", "filename", "says", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "a.pdf", "a PNG image", "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "a.jpg", "a JPEG image", "image/jpeg"),
        (b"BZh9" + bytes(64), "a.tbz2", "a bzip2 file", "application/x-bzip2"),
        (b"\x7fELF" + bytes(64), "a", "a program", "application/x-executable"),
        (bytes(257) + b"ustar" + bytes(64), "a.tar", "a damaged tar archive", "application/x-tar"),
        (make_compound({"VisioDocument": b"x"}), "a.vsd", "a Visio drawing", "application/vnd.visio"),
        (_OLE, "a.bin", "an Office file of the format before 2007.", "application/x-ole-storage"),
        (b"PK\x03\x04" + bytes(64), "a.bin", "a damaged ZIP archive", "application/zip"),
        (_PACKAGE, "a.vsdx", "an Office package", "application/vnd.openxmlformats-package"),
        (bytes(range(256)) * 4, "a.bin", "binary data of an unknown type", "application/octet-stream"),
    ],
)
def test_a_refusal_says_what_the_file_is(
    tmp_path: Path, content: bytes, filename: str, says: str, media_type: str
) -> None:
    path = tmp_path / "content"
    path.write_bytes(content)
    with pytest.raises(UnsupportedTypeError) as refused:
        detect(path, filename)
    assert says in refused.value.message
    assert len(refused.value.message) < 150
    assert refused.value.detected_type == media_type


def test_a_refusal_of_a_kind_without_a_remedy_is_one_sentence() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"The file is a GIF image\.$"):
        refuse(identify(b"GIF89a"))
