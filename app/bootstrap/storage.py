"""Where uploaded files live."""

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
    """Where uploaded files live.

    Raises:
        StartupError: when the package that this needs is missing.
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
    """Try the storage at start. One that is away may come back, and until then is only told of.

    Raises:
        StartupError: when it refuses.
    """
    try:
        await blobs.check()
    except StorageUnavailableError as error:
        log.warning("storage_away", detail=error.detail)
