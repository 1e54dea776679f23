"""The worker's lease in shared memory, readable by every process of the worker."""

import mmap
import struct
import time
from uuid import UUID

from app.domain.ids import WorkerId

_LEASE = struct.Struct("=16sd")  # the worker's id, and the time until which it may run tasks
_STOP = struct.Struct("=d")  # when a stopping worker hands back running tasks; 0 while it does not stop
_NO_WORKER = bytes(16)


class Lease:
    """Whether the worker may run tasks. The main process and the supervisor write it; the pool's processes read it.

    It is made before the first fork. Times are on the machine's monotonic clock, which all processes share. After the
    deadline the lease counts as lost, even if the supervisor hangs or has died.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LEASE.size + _STOP.size)

    def grant(self, worker_id: WorkerId, deadline: float) -> None:
        """Let processes run tasks as ``worker_id`` until ``deadline`` (``time.monotonic()``)."""
        self._memory[: _LEASE.size] = _LEASE.pack(worker_id.bytes, deadline)

    def revoke(self) -> None:
        """Let no process run tasks."""
        self._memory[: _LEASE.size] = _LEASE.pack(_NO_WORKER, 0.0)

    def stop(self, deadline: float) -> None:
        """Claim no more tasks, and hand back those that still run at ``deadline`` (``time.monotonic()``)."""
        self._memory[_LEASE.size :] = _STOP.pack(deadline)

    @property
    def stopping(self) -> bool:
        """Whether the worker stops."""
        return self._stop_at() > 0.0

    def must_hand_back(self) -> bool:
        """Whether the worker stops and its time to finish running tasks is over."""
        return 0.0 < self._stop_at() <= time.monotonic()

    def holder(self) -> WorkerId | None:
        """The id that was granted last, even if its deadline has passed; None if no id was granted."""
        worker_id, _ = self._read()
        return None if worker_id.bytes == _NO_WORKER else worker_id

    def claimant(self) -> WorkerId | None:
        """The id under which to claim tasks; None without a valid lease, or while the worker stops."""
        worker_id, deadline = self._read()
        if self.stopping or worker_id.bytes == _NO_WORKER or time.monotonic() >= deadline:
            return None
        return worker_id

    def holds(self, worker_id: WorkerId) -> bool:
        """Whether tasks claimed under this id may still run."""
        holder, deadline = self._read()
        return holder == worker_id and time.monotonic() < deadline

    def _read(self) -> tuple[WorkerId, float]:
        worker, deadline = _LEASE.unpack(self._memory[: _LEASE.size])
        return WorkerId(UUID(bytes=worker)), deadline

    def _stop_at(self) -> float:
        return float(_STOP.unpack(self._memory[_LEASE.size :])[0])
