"""Identifies files of types that Sluice does not read, for the message that refuses them."""

from collections.abc import Collection
from typing import NamedTuple, NoReturn

from app.domain.errors import UnsupportedTypeError
from app.pipeline.parse.ocr.choice import INSTALL


class FileKind(NamedTuple):
    """A kind of file: what people call it, and its media type."""

    title: str
    media_type: str


_UNKNOWN = FileKind("binary data of an unknown type", "application/octet-stream")
_BMP = FileKind("a BMP image", "image/bmp")
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
"""The sizes of the second header of a BMP file: the two letters before it may begin a text."""
_EXECUTABLE = FileKind("a program", "application/x-executable")

# By the bytes at the given offset; the first match counts. Sources: RFC 9649, the PNG, GIF and JPEG specifications, the
# IANA registry of media types, and for the others the signatures of the Unix program `file`.
_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", FileKind("a PNG image", "image/png")),
    (0, b"\xff\xd8\xff", FileKind("a JPEG image", "image/jpeg")),
    (0, b"GIF8", FileKind("a GIF image", "image/gif")),
    (0, b"II*\x00", FileKind("a TIFF image", "image/tiff")),
    (0, b"MM\x00*", FileKind("a TIFF image", "image/tiff")),
    (0, b"II+\x00", FileKind("a TIFF image", "image/tiff")),
    (0, b"MM\x00+", FileKind("a TIFF image", "image/tiff")),
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
    (0, b"BZh", FileKind("a bzip2 file", "application/x-bzip2")),
    (0, b"\xfd7zXZ\x00", FileKind("an xz file", "application/x-xz")),
    (0, b"(\xb5/\xfd", FileKind("a Zstandard file", "application/zstd")),
    (0, b"Rar!\x1a\x07", FileKind("a RAR archive", "application/vnd.rar")),
    (257, b"ustar", FileKind("a damaged tar archive", "application/x-tar")),
    (0, b"SQLite format 3\x00", FileKind("an SQLite database", "application/vnd.sqlite3")),
    (0, b"PAR1", FileKind("a Parquet file", "application/vnd.apache.parquet")),
    (0, b"wOF", FileKind("a font", "font/woff")),
    (0, b"\x00\x01\x00\x00\x00", FileKind("a font", "font/ttf")),
    (0, b"OTTO\x00", FileKind("a font", "font/otf")),
    (0, b"ttcf\x00", FileKind("a font", "font/collection")),
    (0, b"(\x00\x00\x00", FileKind("a bitmap without its file header", "image/bmp")),
    (0, b".snd\x00", FileKind("an AU recording", "audio/basic")),
    (8, b"AIFF", FileKind("an AIFF recording", "audio/aiff")),
    (0, b"MThd\x00", FileKind("a MIDI file", "audio/midi")),
    (0, b"\x00\x00\x01\x00", FileKind("an icon", "image/vnd.microsoft.icon")),
    (0, b"\xd7\xcd\xc6\x9a", FileKind("a WMF image", "image/wmf")),
    (0, b"!<arch>\n", FileKind("a library or a package", "application/x-archive")),
    (0, b"\x1f\x9d", FileKind("a compressed file", "application/x-compress")),
    (0, b"\x93NUMPY", FileKind("a NumPy array", "application/x-npy")),
    (0, b"\x89HDF\r\n", FileKind("an HDF5 file", "application/x-hdf5")),
    (0, b"\x7fELF", _EXECUTABLE),
    (0, b"MZ", _EXECUTABLE),
    (0, b"\xcf\xfa\xed\xfe", _EXECUTABLE),
    (0, b"\xca\xfe\xba\xbe", FileKind("a Java class or a program", "application/java-vm")),
)

_WORD = FileKind("a Word document of the format before 2007", "application/msword")
_EXCEL = FileKind("an Excel workbook of the format before 2007", "application/vnd.ms-excel")
_POWERPOINT = FileKind("a PowerPoint presentation of the format before 2007", "application/vnd.ms-powerpoint")
_OUTLOOK = FileKind("an Outlook message", "application/vnd.ms-outlook")
COMPOUND_KINDS: dict[str, FileKind] = {
    "WordDocument": _WORD,
    "Workbook": _EXCEL,
    "WORKBOOK": _EXCEL,
    "Book": _EXCEL,
    "PowerPoint Document": _POWERPOINT,
    "__properties_version1.0": _OUTLOOK,
    "VisioDocument": FileKind("a Visio drawing of the format before 2013", "application/vnd.visio"),
    "Quill": FileKind("a Publisher document", "application/vnd.ms-publisher"),
    "\x05HwpSummaryInformation": FileKind("a Hangul document", "application/x-hwp"),
    "SwDocContentMgr": FileKind("a SolidWorks model", "application/sldworks"),
    "CatalogEntries": FileKind("a database of thumbnails", "application/x-thumbs-db"),
    "\u4840\u3f7f\u4164\u422f\u4836": FileKind("a Windows installer", "application/x-msi"),
}
"""The kind of a compound file by a stream or storage at its top level."""
COMPOUND = FileKind("an Office file of the format before 2007", "application/x-ole-storage")
OLD_OFFICE = (_WORD, _EXCEL, _POWERPOINT)
_BY_SUFFIX = {".doc": _WORD, ".dot": _WORD, ".xls": _EXCEL, ".ppt": _POWERPOINT, ".pps": _POWERPOINT, ".msg": _OUTLOOK}
_SAVE_AS = {_WORD: "DOCX", _EXCEL: "XLSX", _POWERPOINT: "PPTX"}

DAMAGED_ZIP = FileKind("a damaged ZIP archive", "application/zip")
OFFICE_PACKAGE = FileKind("an Office package without a document", "application/vnd.openxmlformats-package")


def identify(head: bytes) -> FileKind:
    """The kind of a file, by its first bytes."""
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return _BMP
    found = (kind for offset, mark, kind in _SIGNATURES if head[offset : offset + len(mark)] == mark)
    return next(found, _UNKNOWN)


def is_certain(kind: FileKind, head: bytes) -> bool:
    """Whether no text begins like this file: its signature is no text, or stands where a text would not have it."""
    marks = [(at, mark) for at, mark, known in _SIGNATURES if known == kind and head[at : at + len(mark)] == mark]
    return any(at > 0 or not mark.decode("latin-1").isprintable() for at, mark in marks) and kind != _UNKNOWN


def identify_compound(names: Collection[str], suffix: str) -> FileKind:
    """The kind of a compound file, by its streams; by the suffix of its name where they cannot be read."""
    known = {name.casefold() for name in names}  # names of streams are compared without case
    found = (kind for name, kind in COMPOUND_KINDS.items() if name.casefold() in known)
    return next(found, COMPOUND) if names else _BY_SUFFIX.get(suffix, COMPOUND)


def refuse(kind: FileKind) -> NoReturn:
    """Refuse a file of this kind.

    Raises:
        UnsupportedTypeError: always. For an old Office file the message names the format to save it in.
    """
    remedy = f" Save it as {_SAVE_AS[kind]}." if kind in _SAVE_AS else ""
    raise UnsupportedTypeError(f"The file is {kind.title}.{remedy}", detected_type=kind.media_type)


def refuse_picture(kind: FileKind) -> NoReturn:
    """Refuse a picture because no OCR engine reads it.

    Raises:
        UnsupportedTypeError: always. The message says what to install.
    """
    advice = f"To read pictures, {INSTALL}, or see the setting OCR_ENGINE"
    raise UnsupportedTypeError(f"The file is {kind.title}. {advice}.", detected_type=kind.media_type)


def refuse_renamed(kind: FileKind, suffix: str) -> NoReturn:
    """Refuse an old Office file whose name claims the new format.

    Raises:
        UnsupportedTypeError: always. The message says how to upload it.
    """
    advice = f"It is named {suffix}, but it is in the old format: save it as {_SAVE_AS[kind]}"
    raise UnsupportedTypeError(f"The file is {kind.title}. {advice}.", detected_type=kind.media_type)
