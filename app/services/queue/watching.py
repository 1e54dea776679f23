"""Runs the body of an attempt under a watch, which ends it when the attempt is lost."""

import asyncio

from app.services.queue.attempts import WATCH_SECONDS, AttemptFunction, AttemptLostError, Outcome, RunningAttempt


async def run_watched(attempt: RunningAttempt, body: AttemptFunction) -> Outcome:
    """Run the body, and cancel it if the attempt is lost before it returns.

    The watch begins after half a second, so that a short task does not pay for it.

    Raises:
        AttemptLostError: the attempt was cancelled, superseded or must be handed back.
    """
    watch = _Watch(attempt)
    try:
        outcome = await body(attempt)
    except BaseException:
        await watch.stop()
        if not watch.has_ended:
            raise
        raise watch.take_reason() from None
    await watch.stop()
    if watch.has_ended:
        raise watch.take_reason()
    return outcome


class _Watch:
    """The watch on an attempt that the current asyncio task runs. When it ends first, it cancels that task."""

    def __init__(self, attempt: RunningAttempt) -> None:
        self.has_ended = False
        self._attempt = attempt
        self._error: Exception | None = None
        self._runner = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_SECONDS, self._begin)

    async def stop(self) -> None:
        """Stop, once the body has returned or raised."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    def take_reason(self) -> Exception:
        """Why the attempt is lost: the error with which the watch failed, if it did. Takes back the cancellation."""
        if self._runner is not None:
            self._runner.uncancel()
        return self._error or AttemptLostError(self._attempt.attempt_status)

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        try:
            await self._attempt.watch()
        except Exception as error:  # noqa: BLE001 - it ends the attempt, as an error of the body does
            self._error = error
        self.has_ended = True
        if self._runner is not None:
            self._runner.cancel()
