"""Objects that each process makes for itself, because their threads do not survive a fork."""

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakMethod

Made = TypeVar("Made")
_inherited: list[Any] = []
"""Objects of the parent process. They are never destroyed, because that may wait for threads of the parent."""


class PerProcess(Generic[Made]):
    """An object that is made at its first use in each process, once for all threads.

    Args:
        make: Makes the object. If it raises, ``get`` raises the same, and the next ``get`` tries again.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[Made] | None = None
        reset = WeakMethod(self._reset)
        if hasattr(os, "fork"):
            os.register_at_fork(after_in_child=lambda: (method := reset()) and method())

    def get(self) -> Made:
        """The object of this process."""
        with self._lock:
            if self._made is None:
                self._made = (self._make(),)
            return self._made[0]

    def _reset(self) -> None:
        """Forget the parent's object after a fork, and its lock, which a thread of the parent may have held."""
        _inherited.append(self._made)
        self._lock = threading.Lock()
        self._made = None
