"""Tar archives made for tests."""

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def make_tar(
    path: Path, entries: Iterable[tuple[str, bytes]], *, mode: str = "w", form: int = tarfile.PAX_FORMAT
) -> Path:
    """A tar archive of these files."""
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for name, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def add_special(path: Path, *infos: tarfile.TarInfo) -> Path:
    """A tar archive of these headers, without data."""
    with tarfile.open(path, "w") as archive:
        for info in infos:
            archive.addfile(info)
    return path


def make_info(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """The header of a link, a device or a folder."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
