"""The storage of uploaded files that the settings choose."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from app.adapters.packages import optional_imports
from app.adapters.storage.files import FileStore
from app.domain.errors import StorageUnavailableError
from app.domain.ports import BlobStore
from app.settings import Settings

log = structlog.get_logger()


def choose_blobs(settings: Settings) -> BlobStore:
    """The storage of uploaded files: a local folder or an S3 bucket.

    Raises:
        StartupError: when an optional package is missing.
    """
    if settings.storage_url is None:
        return FileStore(settings.data_dir / "blobs")
    url = urlsplit(settings.storage_url)
    if url.scheme == "file":
        return FileStore(Path(unquote(url.path)))
    with optional_imports("STORAGE_URL with s3://"):
        from app.adapters.storage.s3 import S3Store  # noqa: PLC0415 - an extra
    return S3Store(
        bucket=url.netloc,
        prefix=url.path.strip("/"),
        spool=settings.data_dir / "spool",
        endpoint_url=settings.s3_endpoint_url,
        encryption=settings.s3_server_side_encryption,
    )


async def check_storage(blobs: BlobStore) -> None:
    """Try the storage at start. If it is unavailable, a warning is logged: it may be available later.

    Raises:
        StartupError: when it refuses access.
    """
    try:
        await blobs.check()
    except StorageUnavailableError as error:
        log.warning("storage_unavailable", detail=error.detail)
