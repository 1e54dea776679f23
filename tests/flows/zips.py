"""ZIP archives made for tests."""

import io
import warnings
import zipfile
from collections.abc import Mapping


def make_zip(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files, by name; a name that ends in a slash is a folder."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # two entries of the same name are intended
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def encrypt(archive: bytes, name: str) -> bytes:
    """The archive with one entry marked as encrypted, in its own header and in the central directory."""
    data, sought = bytearray(archive), name.encode()
    for mark, flags, start in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
        at = data.find(mark)
        while at >= 0:
            if data[at + start : at + start + len(sought)] == sought:
                data[at + flags] |= 1
            at = data.find(mark, at + 4)
    return bytes(data)
