"""`WorkerLocks`: the file locks by which the processes of one machine detect crashed workers.

The kernel releases a lock when its process ends, and never before. So neither a clock nor a
heartbeat is needed: a process that is stopped, or that holds the GIL for minutes, is alive; a
process that was killed is detected at once.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from actionhero.transport import FileLock, is_locked
from actionhero_tasks.job import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How long to wait for a process that checks at this moment whether the worker is alive.
ACQUIRE_SECONDS: Final = 5.0


class WorkerLocks:
    """A folder with a lock file for each live worker.

    Args:
        folder: The folder of the lock files; it is created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: The locks of this process, by worker id.
        self._locks: dict[str, FileLock] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def acquire(self, worker_id: str) -> None:
        """Mark a worker as alive until `release`, or until this process ends.

        Raises:
            StoreUnavailable: The file system does not support locks, or another process has it.
        """
        lock = FileLock(self._folder / worker_id)
        with self._errors():
            if not lock.wait(ACQUIRE_SECONDS):
                raise StoreUnavailable(f"{lock.path} is locked by another process")
        self._locks[worker_id] = lock

    def release(self, worker_id: str) -> None:
        """Mark a worker as gone, if it is one of this process."""
        lock = self._locks.pop(worker_id, None)
        if lock is not None:
            lock.release(remove=True)

    def is_alive(self, worker_id: str) -> bool:
        """Return whether the process of a worker is alive."""
        lock = self._locks.get(worker_id)
        if lock is not None and lock.is_held:
            return True
        with self._errors():
            return is_locked(self._folder / worker_id, remove=True)

    def worker_ids(self) -> list[str]:
        """Return the ids of all live workers."""
        with self._errors():
            names = sorted(path.name for path in self._folder.iterdir())
        return [name for name in names if self.is_alive(name)]

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"cannot lock files in {self._folder}: {error}") from error
