"""Writes whole blobs into a store, and reads them."""

from app.domain.ports import BlobStore


async def put(store: BlobStore, key: str, *pieces: bytes) -> None:
    """Write a blob as uploads do, which always abort their writer at the end."""
    writer = await store.create(key)
    try:
        for piece in pieces:
            await writer.write(piece)
        await writer.seal()
        await writer.commit()
    finally:
        await writer.abort()


async def read(store: BlobStore, key: str) -> bytes:
    """Read a whole blob."""
    return b"".join([piece async for piece in store.open(key)])
