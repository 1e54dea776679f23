"""What the processes of a worker know of their right to run tasks, shared between them."""

import mmap
import struct
import time
from uuid import UUID

from app.domain.ids import WorkerId

_LEASE = struct.Struct("=16sd")  # the worker's id, and until when it may run tasks
_STOP = struct.Struct("=d")  # when a worker that stops hands back what still runs; 0 while it does not stop
_NOBODY = bytes(16)


class Lease:
    """Shared memory made before the first fork: the main process and its supervisor write, the pool's processes read.

    Times are on the machine's monotonic clock, one for all its processes. Past the deadline the
    lease counts as lost even if the supervisor hangs or is gone.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _LEASE.size + _STOP.size)

    def grant(self, worker_id: WorkerId, deadline: float) -> None:
        """Let processes run tasks as ``worker_id`` until ``deadline`` (``time.monotonic()``)."""
        self._memory[: _LEASE.size] = _LEASE.pack(worker_id.bytes, deadline)

    def revoke(self) -> None:
        """Let nobody run tasks."""
        self._memory[: _LEASE.size] = _LEASE.pack(_NOBODY, 0.0)

    def stop(self, deadline: float) -> None:
        """Claim nothing more, and hand back what still runs at ``deadline`` (``time.monotonic()``)."""
        self._memory[_LEASE.size :] = _STOP.pack(deadline)

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop."""
        return self._stop_at() > 0.0

    def must_hand_back(self) -> bool:
        """Whether the worker stops, and has waited for its tasks as long as it may."""
        return 0.0 < self._stop_at() <= time.monotonic()

    def holder(self) -> WorkerId | None:
        """The id that was granted last, whether or not its time is over; None where there is none."""
        worker_id, _ = self._read()
        return None if worker_id.bytes == _NOBODY else worker_id

    def claimant(self) -> WorkerId | None:
        """The id to claim under; None without a lease that is alive, or when the worker stops."""
        worker_id, deadline = self._read()
        if self.stopping or worker_id.bytes == _NOBODY or time.monotonic() >= deadline:
            return None
        return worker_id

    def holds(self, worker_id: WorkerId) -> bool:
        """Whether tasks claimed under this id may still be worked on."""
        holder, deadline = self._read()
        return holder == worker_id and time.monotonic() < deadline

    def _read(self) -> tuple[WorkerId, float]:
        worker, deadline = _LEASE.unpack(self._memory[: _LEASE.size])
        return WorkerId(UUID(bytes=worker)), deadline

    def _stop_at(self) -> float:
        return float(_STOP.unpack(self._memory[_LEASE.size :])[0])
