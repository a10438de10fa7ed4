"""The plugin of core: the `status` action."""

from __future__ import annotations

import math
import os
import sys
import time
from typing import TYPE_CHECKING, ClassVar, TypedDict

from actionhero.action import Action
from actionhero.application import Application
from actionhero.health import Health
from actionhero.plugins import VERSION
from actionhero.plugins.hookspecs import hookimpl
from actionhero.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.call import Call


class Status(TypedDict):
    """The status of this process."""

    name: str
    pid: int
    version: str
    #: Milliseconds since the application was loaded.
    uptime: int
    consumedMemoryMB: float
    healthy: bool
    #: Whether each health check succeeded, by its name.
    checks: dict[str, bool]


def _http_status(status: Status) -> int:
    return 200 if status["healthy"] else 503


class ShowStatus(Action):
    """Show the status of this process, and the health of its dependencies."""

    name = "status"
    # Plain data, so that core does not depend on a transport.
    web: ClassVar = {"method": "GET", "path": "/status", "status": _http_status}
    openapi: ClassVar = {"statuses": [200, 503], "errors": []}

    async def run(self, call: Call) -> Status:
        app = call.get(Application)
        checks = await call.get(Health).check()
        settings = app.get(AppSettings)
        return {
            "name": settings.name,
            "pid": os.getpid(),
            "version": settings.version or VERSION,
            "uptime": max(1, round((time.monotonic() - app.loaded_at) * 1000)),
            "consumedMemoryMB": _memory.megabytes(),
            "healthy": all(check.healthy for check in checks),
            "checks": {check.name: check.healthy for check in checks},
        }


@hookimpl
def actionhero_actions() -> Sequence[type[Action]]:
    return [ShowStatus]


class _ResidentMemory:
    """The resident memory of this process, read once a second at most: `/proc` is slow."""

    def __init__(self) -> None:
        self._megabytes = 0.0
        self._read_at = -math.inf

    def megabytes(self) -> float:
        """Return the memory in MB, with two decimals."""
        now = time.monotonic()
        if now - self._read_at >= _MEMORY_SECONDS:
            self._megabytes, self._read_at = _resident_megabytes(), now
        return self._megabytes


_PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
#: How long a value of the resident memory is used.
_MEMORY_SECONDS = 1.0
_memory = _ResidentMemory()


def _resident_megabytes() -> float:
    """Return the resident memory of this process in MB, with two decimals."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            size = int(statm.read().split()[1]) * _PAGE_SIZE
    except OSError:
        if sys.platform == "win32":
            return 0.0
        import resource  # noqa: PLC0415 - Windows has no such module

        # Without /proc: the peak is the closest value of the standard library.
        unit = 1 if sys.platform == "darwin" else 1024
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return round(size / 1_000_000, 2)
