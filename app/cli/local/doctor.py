"""Checks every dependency of Sluice and says how to fix what fails."""

import asyncio
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from app.bootstrap import (
    Embedders,
    Services,
    build_services,
    check_choices,
    check_database,
    choose_blobs,
    choose_reranker,
    describe_embedding,
)
from app.celery_app import check_broker, create_celery
from app.cli.local.session import require_installation
from app.cli.output import CommandError, print_json
from app.domain.counting import count_of
from app.domain.errors import SluiceError
from app.domain.ports import BlobStore, Reranker
from app.embedded.running import open_servers
from app.private_files import find_open
from app.services.operations.overview import Check
from app.settings import Settings, load_settings

_FREE_BYTES = 1024**3
_REMEDIES = {
    "python": "Install Python 3.11 to 3.14.",
    "settings": "Correct the variable that the message names; .env.example describes each.",
    "servers": "Set DATABASE_URL and REDIS_URL to your own servers, or stop the process that uses the data folder.",
    "database": "Check DATABASE_URL and that it has pgvector (docs/postgres.md), then run ./sluice migrate.",
    "broker": "Check CELERY_BROKER_URL (or REDIS_URL) and that the broker runs.",
    "privacy": "Run the command that the line names. Sluice makes new files and folders for its own user only.",
    "storage": "Check STORAGE_URL: the folder must be writable with free space; for s3:// see docs/storage.md.",
    "embeddings": "Check EMBEDDING_PROVIDER, the model and the key; see docs/embeddings.md.",
    "reranker": "Check RERANK_URL, RERANK_API_KEY and RERANK_MODEL; see docs/reranking.md.",
    "index": "Restore the former model and store, or run `./sluice reembed`; see docs/vector-stores.md.",
    "files": "Restore the missing files from a backup, or delete the documents; see docs/storage.md.",
    "providers": "Work for the provider waits and continues when it answers again; see docs/providers.md.",
    "workers": "Start workers with `make up` or ./start_celery_worker.sh.",
}


def check_everything(*, as_json: bool) -> None:
    """Check every dependency and say how to fix what fails. Exits with 1 if a check fails."""
    checks = [_check("python", lambda: sys.version.split()[0]), *_check_installation()]
    if as_json:
        print_json([{"name": c.name, "ok": c.ok, "detail": c.detail, "remedy": _remedy(c)} for c in checks])
    else:
        for check in checks:
            sys.stdout.write(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<11} {check.detail}\n")
            if remedy := _remedy(check):
                sys.stdout.write(f"      {'':<11} → {remedy}\n")
    if not all(check.ok for check in checks):
        sys.exit(1)


def _remedy(check: Check) -> str | None:
    return None if check.ok else _REMEDIES.get(check.name)


def _check_installation() -> list[Check]:
    try:
        settings = load_settings()
    except SluiceError as error:
        return [_fail("settings", error)]
    try:
        require_installation(settings)
    except CommandError as error:
        return [_fail("data", error)]  # the message says what to do
    try:
        with open_servers(settings) as servers:
            return _check_parts(servers.settings)
    except (CommandError, SluiceError) as error:
        return [_fail("servers", error)]


def _check_parts(settings: Settings) -> list[Check]:
    choices = _check("settings", lambda: _try_choices(settings))
    checks = [
        choices,
        _check("broker", lambda: _try_broker(settings)),
        _check("storage", lambda: _try_storage(settings)),
        _check("privacy", lambda: _try_privacy(settings)),
    ]
    if not choices.ok:
        return checks  # the remaining checks need the missing parts
    checks.append(_check("embeddings", lambda: _try_embeddings(settings)))
    if reranker := choose_reranker(settings):
        checks.append(_check("reranker", lambda: _try_reranker(reranker)))
    try:
        return [*checks, *asyncio.run(_check_database(settings))]
    except Exception as error:  # noqa: BLE001 - a check reports any failure
        return [*checks, _fail("database", error)]


async def _check_database(settings: Settings) -> list[Check]:
    try:
        await check_database(settings)
    except SluiceError as error:
        return [_fail("database", error)]
    services = build_services(settings, create_celery(settings), connections=2, parsers=1)
    try:
        checks = [check for check in await services.operations.overview.check() if check.name == "database"]
        if checks[0].ok:
            checks += [await _check_workers(services), *await _check_index(services), await _check_files(services)]
        return checks
    finally:
        await services.close()


async def _check_workers(services: Services) -> Check:
    workers = await services.operations.overview.list_workers()
    if not workers and not await services.indexing.vector_indexes.exists():
        return Check("workers", ok=True, detail=f"none has been started yet. {_REMEDIES['workers']}")
    names = ", ".join(worker.name for worker in workers)
    return Check("workers", ok=bool(workers), detail=names or "no worker is running")


async def _check_index(services: Services) -> list[Check]:
    """Check that the settings match the index and that its store works; list the providers that are down."""
    checks = []
    if not await services.indexing.vector_indexes.exists():
        return [Check("index", ok=True, detail="none yet: the first start of the API creates it")]
    try:
        await services.indexing.vector_indexes.check()
        index = await services.indexing.vectors.get_active()
        await services.indexing.vectors.check(index)
        checks.append(Check("index", ok=True, detail=f"{index.embedding} in {index.store}"))
    except SluiceError as error:
        checks.append(_fail("index", error))
    down = await services.operations.overview.list_providers()
    return [*checks, *(Check("providers", ok=False, detail=provider.describe()) for provider in down)]


async def _check_files(services: Services) -> Check:
    """Compare the files in storage with the rows that name them."""
    try:
        counts = await services.operations.leftovers.count_files()
    except SluiceError as error:
        return _fail("files", error)
    detail = f"{count_of(counts.files, 'file')}, {counts.without_row} without a row"
    if missing := counts.rows_without_file:
        return Check("files", ok=False, detail=f"{detail}, {count_of(missing, 'document')} without a file")
    return Check("files", ok=True, detail=detail)


def _try_choices(settings: Settings) -> str:
    check_choices(settings)
    return "valid, and all chosen packages are installed"


def _try_embeddings(settings: Settings) -> str:
    """Request one vector from the model, without waiting for the rate limit."""

    async def embed() -> str:
        embedders = Embedders(settings)
        try:
            embedder = embedders(describe_embedding(settings))
            embedded = await embedder.embed(["A test sentence."])
            return f"{embedder.model}, {len(embedded.vectors[0])} dimensions"
        finally:
            await embedders.close()

    return asyncio.run(embed())


def _try_reranker(reranker: Reranker) -> str:
    """Score one text, without waiting for the circuit breaker."""

    async def score() -> str:
        try:
            await reranker.score("a test", ["A test sentence."])
            return reranker.model
        finally:
            await reranker.close()

    return asyncio.run(score())


def _try_broker(settings: Settings) -> str:
    check_broker(settings)
    return "reachable"


def _try_storage(settings: Settings) -> str:
    asyncio.run(_write_and_remove(choose_blobs(settings)))
    folder = _find_blobs(settings)
    free = shutil.disk_usage(folder if folder.exists() else settings.data_dir).free
    if free < _FREE_BYTES:
        raise OSError(f"only {free / 1024**2:.0f} MB free")
    return f"{free / 1024**3:.0f} GB free"


def _try_privacy(settings: Settings) -> str:
    """Look for files that a former version, or another program, has made readable for other users."""
    for folder in (_find_blobs(settings), settings.data_dir / "spool", settings.data_dir):
        # Folders in the data folder belong to the servers, or are checked themselves.
        found = [path for path in find_open(folder) if folder != settings.data_dir or path.is_file()]
        if found:
            paths = shlex.join(map(str, found if folder == settings.data_dir else [folder]))
            raise OSError(f"other users can read files in {folder}: chmod -R go-rwx {paths}")
    return "no other user can read files"


def _find_blobs(settings: Settings) -> Path:
    url = settings.storage_url
    return Path(unquote(urlsplit(url).path)) if url and url.startswith("file:") else settings.data_dir / "blobs"


async def _write_and_remove(blobs: BlobStore) -> None:
    await blobs.check()
    key = f"doctor/{uuid4().hex}"
    writer = await blobs.create(key)
    try:
        await writer.write(b"doctor")
        await writer.seal()
        await writer.commit()
    finally:
        await writer.abort()
    await blobs.delete(key)


def _check(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, detail=attempt())
    except Exception as error:  # noqa: BLE001 - a check reports any failure
        return _fail(name, error)


def _fail(name: str, error: Exception) -> Check:
    detail = error.detail if isinstance(error, SluiceError) else None
    return Check(name, ok=False, detail=detail or str(error) or type(error).__name__)
