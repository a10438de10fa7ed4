"""The slots of processes: each process of a data folder has its own files of values.

With the process id instead, as in prometheus-client, the files of every process that has ended
would have to be read for ever, or counters would fall when they are deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import select
import struct
import time
from typing import TYPE_CHECKING, Any, Final

from prometheus_client.mmap_dict import MmapedDict

from actionhero import BootError
from actionhero.transport import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

logger = logging.getLogger("actionhero.telemetry")

#: How long to wait while other processes claim a slot.
CLAIM_SECONDS: Final = 5.0
#: A limit against an endless loop; a machine runs fewer processes of one application.
MAX_SLOTS: Final = 4096
#: The file with the time at which the totals of a folder began.
_SINCE: Final = "since"


class Slot:
    """The slot of this process, whose lock the kernel releases when the process ends.

    Args:
        folder: The folder of all slots.
        lock: The held lock of the slot.
        number: The number of the slot.
    """

    def __init__(self, folder: Path, lock: FileLock, number: int) -> None:
        self.folder = folder
        self.number = number
        self._lock = lock

    def file(self, kind: str) -> Path:
        """Return the file with the values of a kind, such as `counter` or `gauge_max`."""
        return self.folder / f"{kind}_{self.number}.db"

    @property
    def requests(self) -> Path:
        """The pipe through which another process requests the figures of this one."""
        return _requests(self.folder, self.number)

    def mark_read(self) -> None:
        """Record that the figures of this process are up to date."""
        # Not the time of the kernel, which has a resolution of some milliseconds.
        now = time.time_ns()
        os.utime(self._lock.path, ns=(now, now))

    def release(self) -> None:
        """Release the slot. Its counters stay, and belong to the next process that claims it."""
        with contextlib.suppress(OSError):
            self.requests.unlink()
        self._lock.release()


def claim_slot(folder: Path, layout: object) -> Slot:
    """Claim the first free slot of a folder.

    Args:
        folder: The folder; it is created.
        layout: The layout of the values, such as the buckets. If it has changed and no other
            process runs, the values are deleted.

    Raises:
        BootError: The folder cannot be used.
    """
    claims = FileLock(folder / "claims.lock")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not claims.wait(CLAIM_SECONDS):
            raise BootError(
                f"the lock {str(claims.path)!r} is held by a process that hangs; end it"
            )
        try:
            slot = _claim(folder)
            _discard_other_layout(folder, slot, layout)
            _discard_damaged(folder, slot)
            _record_begin(folder)
            for path in folder.glob(f"gauge_*_{slot.number}.db"):
                path.unlink()
            with contextlib.suppress(FileExistsError):
                os.mkfifo(slot.requests, 0o600)
        finally:
            claims.release()
    except OSError as error:
        raise BootError(
            f"the metrics of processes cannot be stored in {str(folder)!r}: {error}; set "
            "app.data_dir to a writable folder, or telemetry.metrics to false"
        ) from error
    return slot


def _claim(folder: Path) -> Slot:
    for number in range(MAX_SLOTS):
        lock = FileLock(_lock_path(folder, number))
        if lock.try_lock():
            return Slot(folder, lock, number)
    raise BootError(f"more than {MAX_SLOTS} processes have metrics in {str(folder)!r}")


def _discard_other_layout(folder: Path, slot: Slot, layout: object) -> None:
    expected = layout_digest(layout)
    path = folder / "layout"
    stored = path.read_text("ascii") if path.exists() else None
    if stored == expected or any(number != slot.number for number in live_slots(folder)):
        return
    for values in folder.glob("*.db"):
        values.unlink()
    (folder / _SINCE).unlink(missing_ok=True)
    path.write_text(expected, "ascii")


def layout_digest(layout: object) -> str:
    """Return the text by which the layout of stored values is compared."""
    text = json.dumps(layout, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _discard_damaged(folder: Path, slot: Slot) -> None:
    """Delete the files of ended processes that cannot be read, as after a loss of power."""
    others = live_slots(folder) - {slot.number}
    for path in folder.glob("*.db"):
        if _number(path.stem.rpartition("_")[2]) in others:
            continue
        try:
            for key, *_ in MmapedDict.read_all_values_from_file(str(path)):
                json.loads(key)
        except (RuntimeError, ValueError, struct.error) as error:
            logger.warning("%s is damaged, so its totals begin at 0: %s", path, error)
            path.unlink()


def _record_begin(folder: Path) -> None:
    """Store the time at which the totals of a folder began, unless there are some already."""
    path = folder / _SINCE
    if path.exists() and _number(path.read_text("ascii")) is not None:
        return
    # Renamed, so that a process that is killed meanwhile leaves no half-written time.
    draft = folder / f"{_SINCE}.draft"
    draft.write_text(str(time.time_ns()), "ascii")
    draft.replace(path)


def totals_since(folder: Path) -> int:
    """Return when the totals of a folder began, in nanoseconds since the epoch.

    They continue after a restart.
    """
    return int((folder / _SINCE).read_text("ascii"))


def live_slots(folder: Path) -> set[int]:
    """Return the slots whose processes run, this one included."""
    return {
        number
        for path in folder.glob("slot-*.lock")
        if (number := _number(path.stem.partition("-")[2])) is not None and _is_locked(path)
    }


def value_files(folder: Path) -> list[str]:
    """Return all files of values: of ended processes only those with totals."""
    live = live_slots(folder)
    return [
        str(path)
        for path in sorted(folder.glob("*.db"))
        if not path.name.startswith("gauge_") or _number(path.stem.rpartition("_")[2]) in live
    ]


def request_figures(folder: Path, slots: Iterable[int]) -> dict[int, int]:
    """Request the figures of other processes, and return when their last ones are from."""
    requested = {}
    for number in slots:
        try:
            modified = _lock_path(folder, number).stat().st_mtime_ns
            descriptor = os.open(_requests(folder, number), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            # It has just ended, or has no event loop yet.
            continue
        with contextlib.suppress(BlockingIOError):
            os.write(descriptor, b"?")
        os.close(descriptor)
        requested[number] = modified
    return requested


def unanswered(folder: Path, requested: dict[int, int]) -> dict[int, int]:
    """Return the requests whose figures are not up to date yet."""
    return {
        number: modified
        for number, modified in requested.items()
        if _modified(_lock_path(folder, number)) == modified
    }


def open_requests(path: Path) -> int:
    """Open the pipe of this process's requests, and return its descriptor, for the event loop."""
    # Also for writing, so that it has no end while no other process has opened it.
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def take_requests(descriptor: int) -> None:
    """Read the requests that have arrived; one answer serves all of them."""
    with contextlib.suppress(BlockingIOError):
        while select.select([descriptor], [], [], 0)[0]:
            os.read(descriptor, 4096)


def _is_locked(path: Path) -> bool:
    lock = FileLock(path)
    # Shared, so that two processes that look at the same time do not see each other.
    if not lock.try_lock(shared=True):
        return True
    lock.release()
    return False


def _lock_path(folder: Path, number: int) -> Path:
    return folder / f"slot-{number}.lock"


def _requests(folder: Path, number: int) -> Path:
    return folder / f"slot-{number}.requests"


def _modified(path: Path) -> Any:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
