"""Which worker id this worker's processes may claim under, shared between them."""

import mmap
import time
from uuid import UUID

from app.domain.ids import WorkerId

_ID_BYTES = 16
_TIME_BYTES = 8
_NOBODY = bytes(_ID_BYTES)


class Lease:
    """Shared memory made before the first fork: the supervisor writes, the pool's processes read.

    The deadline is on the machine's monotonic clock, one for all its processes. Past it the
    lease counts as lost even if the supervisor hangs or is gone.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _ID_BYTES + _TIME_BYTES)

    def grant(self, worker_id: WorkerId, deadline: float) -> None:
        """Let processes claim as ``worker_id`` until ``deadline`` (``time.monotonic()``)."""
        self._memory[:] = worker_id.bytes + int(deadline * 1000).to_bytes(_TIME_BYTES)

    def revoke(self) -> None:
        """Let nobody claim."""
        self._memory[:] = bytes(_ID_BYTES + _TIME_BYTES)

    def holder(self) -> WorkerId | None:
        """The id to claim under; None without a lease that is alive."""
        record = bytes(self._memory[:])
        worker, deadline = record[:_ID_BYTES], int.from_bytes(record[_ID_BYTES:]) / 1000
        if worker == _NOBODY or time.monotonic() >= deadline:
            return None
        return WorkerId(UUID(bytes=worker))
