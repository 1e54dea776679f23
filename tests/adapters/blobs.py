"""Whole blobs into a store, and out of it."""

from app.domain.ports import BlobStore


async def put(store: BlobStore, key: str, *pieces: bytes) -> None:
    """Write a blob as uploads do, which abort their writer in any case."""
    writer = await store.create(key)
    try:
        for piece in pieces:
            await writer.write(piece)
        await writer.seal()
        await writer.commit()
    finally:
        await writer.abort()


async def read(store: BlobStore, key: str) -> bytes:
    """All of a blob."""
    return b"".join([piece async for piece in store.open(key)])
