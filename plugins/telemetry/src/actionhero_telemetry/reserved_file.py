"""`ReservedFile`: a file of values whose space on the disk is reserved before it is written."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, ClassVar, Final

from prometheus_client.mmap_dict import MmapedDict

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger("actionhero.telemetry")

#: The size of a new file.
INITIAL_BYTES: Final = 64 * 1024
#: The largest size of an entry beyond its key: its length, the padding, a number and a time.
_ENTRY_BYTES: Final = 32


class ReservedFile(MmapedDict):
    """A file in the format of prometheus-client.

    That library maps a sparse file into memory: if the disk is full, the kernel ends the process
    with SIGBUS when a new part of the file is written.

    Args:
        path: The file; it is created.

    Raises:
        OSError: The disk is full, or the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("ab") as file:
                _reserve(file.fileno(), size or INITIAL_BYTES)
        except OSError:
            if not size:
                # An empty file cannot be read.
                with contextlib.suppress(OSError):
                    path.unlink()
            raise
        super().__init__(str(path))  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        size = self._capacity
        while self._used + len(key.encode()) + _ENTRY_BYTES > size:
            size *= 2
        if size > self._capacity:
            _reserve(self._f.fileno(), size)
        super()._init_value(key)  # type: ignore[no-untyped-call]


class NoFile:
    """Ignores all changes, of values for which the disk has no space."""

    #: Whether the full disk was warned of.
    has_warned: ClassVar[bool] = False
    numbers: ClassVar[memoryview[float]] = memoryview(bytearray(8)).cast("d")

    def __init__(self, error: OSError) -> None:
        if not NoFile.has_warned:
            NoFile.has_warned = True
            logger.warning(
                "the metrics cannot be stored: %s; new series are not recorded until a restart",
                error,
            )

    def open(self, key: str) -> tuple[int, float]:
        """Return a place for all numbers."""
        return 0, 0.0


def _reserve(descriptor: int, size: int) -> None:
    # macOS has none.
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
