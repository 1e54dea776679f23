"""What a file is whose type Sluice does not read, for the message that refuses it."""

from typing import NamedTuple, NoReturn

from app.domain.errors import UnsupportedTypeError


class FileKind(NamedTuple):
    """A kind of file: what people call it, and its media type."""

    title: str
    media_type: str


_UNKNOWN = FileKind("binary data of an unknown type", "application/octet-stream")
_EXECUTABLE = FileKind("a program", "application/x-executable")

# By the bytes at the given offset; the first match counts. Sources: RFC 9649, the PNG, GIF and JPEG specifications, the
# IANA registry of media types, and for the others the signatures of the Unix program `file`.
_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", FileKind("a PNG image", "image/png")),
    (0, b"\xff\xd8\xff", FileKind("a JPEG image", "image/jpeg")),
    (0, b"GIF8", FileKind("a GIF image", "image/gif")),
    (0, b"II*\x00", FileKind("a TIFF image", "image/tiff")),
    (0, b"MM\x00*", FileKind("a TIFF image", "image/tiff")),
    (0, b"8BPS", FileKind("a Photoshop image", "image/vnd.adobe.photoshop")),
    (8, b"WEBP", FileKind("a WebP image", "image/webp")),
    (8, b"WAVE", FileKind("a WAV recording", "audio/wav")),
    (8, b"AVI ", FileKind("an AVI video", "video/x-msvideo")),
    (4, b"ftypheic", FileKind("a HEIC image", "image/heic")),
    (4, b"ftypavif", FileKind("an AVIF image", "image/avif")),
    (4, b"ftypM4A", FileKind("an MPEG-4 recording", "audio/mp4")),
    (4, b"ftypqt", FileKind("a QuickTime video", "video/quicktime")),
    (4, b"ftyp", FileKind("an MPEG-4 video", "video/mp4")),
    (0, b"\x1aE\xdf\xa3", FileKind("a Matroska or WebM video", "video/x-matroska")),
    (0, b"OggS", FileKind("an Ogg recording or video", "application/ogg")),
    (0, b"fLaC", FileKind("a FLAC recording", "audio/flac")),
    (0, b"ID3", FileKind("an MP3 recording", "audio/mpeg")),
    (0, b"\xff\xfb", FileKind("an MP3 recording", "audio/mpeg")),
    (0, b"\x1f\x8b", FileKind("a gzip file", "application/gzip")),
    (0, b"BZh", FileKind("a bzip2 file", "application/x-bzip2")),
    (0, b"\xfd7zXZ\x00", FileKind("an xz file", "application/x-xz")),
    (0, b"(\xb5/\xfd", FileKind("a Zstandard file", "application/zstd")),
    (0, b"7z\xbc\xaf'\x1c", FileKind("a 7-Zip archive", "application/x-7z-compressed")),
    (0, b"Rar!\x1a\x07", FileKind("a RAR archive", "application/vnd.rar")),
    (257, b"ustar", FileKind("a tar archive", "application/x-tar")),
    (0, b"SQLite format 3\x00", FileKind("an SQLite database", "application/vnd.sqlite3")),
    (0, b"PAR1", FileKind("a Parquet file", "application/vnd.apache.parquet")),
    (0, b"wOF", FileKind("a font", "font/woff")),
    (0, b"\x7fELF", _EXECUTABLE),
    (0, b"MZ", _EXECUTABLE),
    (0, b"\xcf\xfa\xed\xfe", _EXECUTABLE),
    (0, b"\xca\xfe\xba\xbe", FileKind("a Java class or a program", "application/java-vm")),
    (0, b"BM", FileKind("a BMP image", "image/bmp")),
)

_OLE_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE = {
    ".doc": FileKind("a Word document of the format before 2007", "application/msword"),
    ".xls": FileKind("an Excel workbook of the format before 2007", "application/vnd.ms-excel"),
    ".ppt": FileKind("a PowerPoint presentation of the format before 2007", "application/vnd.ms-powerpoint"),
    ".msg": FileKind("an Outlook message", "application/vnd.ms-outlook"),
}
_OLE_UNNAMED = FileKind("an Office file of the format before 2007", "application/x-ole-storage")
_SAVE_AS = {".doc": "DOCX", ".xls": "XLSX", ".ppt": "PPTX", ".msg": "EML"}

DAMAGED_ZIP = FileKind("a damaged ZIP archive", "application/zip")
OFFICE_PACKAGE = FileKind("an Office package without a document", "application/vnd.openxmlformats-package")


def identify(head: bytes, suffix: str) -> FileKind:
    """What the file is, by its first bytes; for old Office files also by the suffix of its name."""
    if head.startswith(_OLE_SIGNATURE):
        return _OLE.get(suffix, _OLE_UNNAMED)
    found = (kind for offset, mark, kind in _SIGNATURES if head[offset : offset + len(mark)] == mark)
    return next(found, _UNKNOWN)


def refuse(kind: FileKind, suffix: str = "") -> NoReturn:
    """Refuse a file of this kind.

    Raises:
        UnsupportedTypeError: always. For an old Office file the message names the format to save it in.
    """
    remedy = f" Save it as {_SAVE_AS[suffix]}." if suffix in _SAVE_AS and kind is _OLE[suffix] else ""
    raise UnsupportedTypeError(f"The file is {kind.title}.{remedy}", detected_type=kind.media_type)
