"""`FileLock`: a lock on a file, which the kernel releases when the process that holds it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
import time
import weakref
from typing import TYPE_CHECKING, Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

#: How long to wait before a lock of another process is tried again.
POLL_SECONDS: Final = 0.02
#: The errors by which a kernel reports that another process holds the lock.
_LOCKED: Final = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK})

_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


class FileLock:
    """An advisory lock on the file at `path`; not reentrant, and not for threads.

    The lock is released only by closing the file, so a child process that inherited `fileno`
    (`pass_fds`) continues to hold it. A forked process does not: its copy is closed.

    The package `filelock` was measured instead: it has no shared locks by `flock`, and its release
    unlocks the file for a child process too.

    Args:
        path: The file. It is created with mode 600, and remains unless `release` removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def try_lock(self, *, shared: bool = False) -> bool:
        """Acquire the lock without waiting, and return whether it is held in the requested mode.

        A held lock is converted. If another process prevents that, the held lock is released, since
        `flock` releases it first.

        Args:
            shared: Whether other processes may hold the lock too, if they share it as well.

        Raises:
            OSError: The file cannot be opened, or its file system does not support locks.
        """
        while True:
            is_conversion = self._descriptor is not None
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            try:
                locked = _lock(self._descriptor, shared=shared)
                # Otherwise its last holder removed the file, and others lock a new one.
                exists = not locked or is_conversion or self._is_at(self._descriptor)
            except BaseException:
                self.release()
                raise
            if locked and exists:
                _held.add(self)
                return True
            self.release()
            if not locked:
                return False

    def wait(self, seconds: float, *, shared: bool = False) -> bool:
        """Acquire the lock, waiting up to `seconds`, and return whether it is held."""
        deadline = time.monotonic() + seconds
        while not self.try_lock(shared=shared):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    async def wait_async(self, seconds: float, *, shared: bool = False) -> bool:
        """Acquire the lock as `wait` does, without blocking the event loop."""
        deadline = time.monotonic() + seconds
        while not self.try_lock(shared=shared):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def release(self, *, remove: bool = False) -> None:
        """Release the lock, if it is held.

        Args:
            remove: Whether to remove the file first.
        """
        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            if remove:
                with contextlib.suppress(OSError):
                    self.path.unlink()
            os.close(descriptor)

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def fileno(self) -> int:
        """Return the file descriptor, for `pass_fds`.

        Raises:
            ValueError: The lock is not held.
        """
        if self._descriptor is None:
            raise ValueError(f"the lock on {str(self.path)!r} is not held")
        return self._descriptor

    def _is_at(self, descriptor: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        return False


def is_locked(path: Path, *, remove: bool = False) -> bool:
    """Return whether a process holds the lock at `path`.

    Args:
        path: The file of the lock; it need not exist.
        remove: Whether to remove the file if no process holds the lock.
    """
    if not path.exists():
        return False
    lock = FileLock(path)
    if not lock.try_lock():
        return True
    lock.release(remove=remove)
    return False


def _lock(descriptor: int, *, shared: bool) -> bool:
    try:
        if sys.platform == "win32":
            if shared:
                raise OSError(errno.ENOTSUP, "this platform has no shared file locks")
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _LOCKED:
            return False
        raise
    return True


def _close_in_child() -> None:
    for lock in tuple(_held):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
