"""What each process makes for itself, since its threads do not survive a fork."""

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakMethod

Made = TypeVar("Made")
_inherited: list[Any] = []
"""What a fork brought along. It is never destroyed: doing so may wait for threads that are not in this process."""


class PerProcess(Generic[Made]):
    """Something made at its first use in a process, once however many threads ask for it at once.

    Args:
        make: Makes it. What it raises, ``get`` raises, and the next ``get`` tries again.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[Made] | None = None
        forget = WeakMethod(self._forget)
        if hasattr(os, "fork"):
            os.register_at_fork(after_in_child=lambda: (method := forget()) and method())

    def get(self) -> Made:
        """This process's own."""
        with self._lock:
            if self._made is None:
                self._made = (self._make(),)
            return self._made[0]

    def _forget(self) -> None:
        """Begin anew; with the lock too, which a thread may have held that is not in this process."""
        _inherited.append(self._made)
        self._lock = threading.Lock()
        self._made = None
