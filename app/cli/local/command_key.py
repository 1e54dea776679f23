"""The API key that a running ``up`` makes for the commands of this machine."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from app.bootstrap import build_services
from app.celery_app import create_celery
from app.cli.output import say
from app.cli.running import Running, make_url, publish, read_former
from app.domain.errors import NotFoundError, SluiceError
from app.domain.identity import Identity, NewKey, Scope, make_local_operator
from app.services.tenants.api_keys import ApiKeys
from app.settings import Settings

_NAME = "command line"
Result = TypeVar("Result")


@contextmanager
def serve_commands(settings: Settings) -> Iterator[None]:
    """Let the commands of this machine use the running stack for the block, without a key of their own.

    The key is revoked at the end. If this process is killed before, the next one on the data folder revokes it.
    """
    former = read_former(settings.data_dir)

    async def make(keys: ApiKeys, operator: Identity) -> Running:
        if former:
            await _revoke(keys, operator, former.key_id)
        key, secret = await keys.create(operator, NewKey(_NAME, tuple(Scope)))
        return Running(make_url(settings.host, settings.port), key.id, secret)

    running = _call(settings, make)
    with publish(settings.data_dir, running):
        try:
            yield
        finally:
            try:
                _call(settings, lambda keys, operator: _revoke(keys, operator, running.key_id))
            except SluiceError as error:
                say(f"The API key {running.key_id} ({_NAME}) could not be revoked: {error.message}")


async def _revoke(keys: ApiKeys, operator: Identity, key_id: int) -> None:
    with suppress(NotFoundError):  # it is of another database, or was revoked by hand
        await keys.revoke(operator, key_id)


def _call(settings: Settings, work: Callable[[ApiKeys, Identity], Awaitable[Result]]) -> Result:
    async def call() -> Result:
        services = build_services(settings, create_celery(settings), connections=1, parsers=1)
        try:
            organization_id = await services.tenants.identities.get_default_organization()
            return await work(services.tenants.api_keys, make_local_operator(organization_id))
        finally:
            await services.close()

    return asyncio.run(call())
