"""Who is alive, told by locks on files: one is dropped when its process ends, never before.

No clock and no heartbeat is needed, so a process that is stopped, or that keeps the interpreter to
itself for minutes, is still alive; and one that was killed is gone at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

_held: dict[tuple[str, str], int] = {}


class WorkerLocks:
    """The owners of one folder. Only processes of this machine can be told apart by it.

    Args:
        folder: Where the locks are; it is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self, owner: str) -> None:
        """Be alive as `owner` until `drop`, or until this process ends."""
        path = self._folder / owner
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if _lock(descriptor) and _is_at(descriptor, path):
                break
            # Somebody looked at it between the two, and took it for left behind.
            os.close(descriptor)
        _held[str(self._folder), owner] = descriptor

    def drop(self, owner: str) -> None:
        """Be gone as `owner`, if this process is it."""
        descriptor = _held.pop((str(self._folder), owner), None)
        if descriptor is not None:
            with contextlib.suppress(OSError):
                (self._folder / owner).unlink()
            os.close(descriptor)

    def is_alive(self, owner: str) -> bool:
        """Whether the process of `owner` is there."""
        if (str(self._folder), owner) in _held:
            return True
        path = self._folder / owner
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            if not _lock(descriptor):
                return True
            with contextlib.suppress(OSError):
                path.unlink()
            return False
        finally:
            os.close(descriptor)

    def alive(self) -> list[str]:
        """Return all that are alive."""
        return [path.name for path in sorted(self._folder.iterdir()) if self.is_alive(path.name)]


def _lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _close_all() -> None:
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


# A forked process is not the owner, and must not keep it alive.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)
