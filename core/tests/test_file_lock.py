"""File locks between processes: exclusive, shared, inherited, and released by a killed process."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from actionhero.transport import FileLock, is_locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
import os, sys, pathlib
from actionhero.transport import FileLock
lock = FileLock(pathlib.Path(sys.argv[1]))
assert lock.try_lock()
if "fork" in sys.argv:
    read, write = os.pipe()
    if os.fork() == 0:
        # After the fork handlers, which close the copy of the lock.
        os.write(write, b"!")
        sys.stdin.read()
        os._exit(0)
    os.read(read, 1)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.lock"


@pytest.fixture
def lock(path: Path) -> Iterator[FileLock]:
    lock = FileLock(path)
    yield lock
    lock.release()


@pytest.fixture
def other(path: Path) -> Iterator[FileLock]:
    other = FileLock(path)
    yield other
    other.release()


def test_an_exclusive_lock_refuses_all_others(lock: FileLock, other: FileLock) -> None:
    """One holder, until it releases the lock; the file remains."""
    assert lock.try_lock()
    assert not other.try_lock()
    assert not other.try_lock(shared=True)
    assert is_locked(lock.path)

    lock.release()

    assert other.try_lock()
    assert lock.path.exists()


def test_a_shared_lock_admits_others_that_share(lock: FileLock, other: FileLock) -> None:
    """Several share, and none can be exclusive until the others have released."""
    assert lock.try_lock(shared=True)
    assert other.try_lock(shared=True)

    other.release()

    assert lock.try_lock()
    assert not other.try_lock(shared=True)


def test_a_failed_conversion_releases_the_lock(lock: FileLock, other: FileLock) -> None:
    """`flock` releases a lock before it converts it, so the object must not claim it."""
    assert lock.try_lock(shared=True)
    assert other.try_lock(shared=True)

    assert not lock.try_lock()

    assert not lock.is_held
    assert other.try_lock()


def test_waiting_ends_with_the_lock_or_after_the_time(lock: FileLock, other: FileLock) -> None:
    """`wait` reports which of the two happened."""
    assert lock.try_lock()
    assert not other.wait(0.05)

    lock.release(remove=True)

    assert not lock.path.exists()
    assert other.wait(10)


async def test_waiting_on_an_event_loop(lock: FileLock, other: FileLock) -> None:
    """`wait_async` acquires what `wait` does."""
    assert await lock.wait_async(10)
    assert not await other.wait_async(0.05)


def test_a_killed_process_releases_its_lock(path: Path) -> None:
    """Also while a process that it forked is still running."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, "fork"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert is_locked(path)

        holder.send_signal(signal.SIGKILL)
        holder.wait()

        assert not is_locked(path, remove=True)
        assert not path.exists()


def test_a_child_process_inherits_the_lock(lock: FileLock) -> None:
    """A descriptor passed to a child holds the lock until the child ends."""
    assert lock.try_lock()
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=[lock.fileno()],
    ):
        lock.release()
        assert is_locked(lock.path)

    assert not is_locked(lock.path)


def test_a_file_that_was_removed_and_created_again_is_locked_anew(
    lock: FileLock, other: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on the removed file would exclude no other process."""
    flock = fcntl.flock

    def remove_first(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        other.path.unlink()
        other.path.touch()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_first)

    assert lock.try_lock()
    assert not other.try_lock()


def test_a_file_system_without_locks_is_an_error(
    lock: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only *locked by another process* means locked; waiting for anything else would not end."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)

    with pytest.raises(OSError, match="No locks available"):
        lock.wait(10)


def test_the_descriptor_of_a_lock_that_is_not_held(lock: FileLock) -> None:
    """The error names the file."""
    with pytest.raises(ValueError, match=r"the lock on '.*test\.lock' is not held"):
        lock.fileno()
