"""The panel Overview: health, processes, and the rates of calls."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from actionhero import __version__
from actionhero.settings import AppSettings
from actionhero.transport import Health
from actionhero_console.builtin.assets import assets_of
from actionhero_console.console import Console
from actionhero_console.panels import Panel, PanelContext
from actionhero_console.rates import merge_rates

if TYPE_CHECKING:
    from actionhero import Application

#: How long the delay of the event loop is measured.
_DELAY_SECONDS: Final = 0.02
#: How long a process waits for its health checks, before it answers with those of last time.
_HEALTH_SECONDS: Final = 0.2


class ProcessStatus:
    """The status of this process, for the question `overview.status`.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        #: `None` until the first checks have ended.
        self._checks: list[dict[str, Any]] | None = None
        self._run: asyncio.Task[None] | None = None

    async def read(self) -> dict[str, Any]:
        """Return the status as JSON."""
        app = self._app
        checks, delay = await asyncio.gather(self._health(), _loop_delay_seconds())
        settings = app.get(AppSettings)
        return {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "mode": str(app.mode),
            "app": settings.name,
            "version": settings.version or "",
            "actionhero": __version__,
            "python": platform.python_version(),
            "uptime_seconds": round(time.monotonic() - app.loaded_at),
            "memory_bytes": _resident_bytes(),
            "loop_delay_ms": round(delay * 1000, 1),
            "ready": app.ready,
            "checks": checks,
        }

    async def _health(self) -> list[dict[str, Any]] | None:
        if self._run is None or self._run.done():
            self._run = asyncio.create_task(self._check())
        await asyncio.wait([self._run], timeout=_HEALTH_SECONDS)
        return self._checks

    async def _check(self) -> None:
        checks = await self._app.get(Health).check()
        self._checks = [asdict(check) for check in checks]


def overview_panel(app: Application) -> Panel:
    """Return the panel."""
    status = ProcessStatus(app)

    async def read_processes(context: PanelContext) -> dict[str, Any]:
        answers = await context.ask("status")
        return {
            "processes": [asdict(answer) for answer in answers.answers],
            "missing": answers.missing,
            "asked": answers.asked_ms,
            "only_this_process": answers.only_this_process,
        }

    async def read_rates(context: PanelContext) -> dict[str, Any]:
        return merge_rates((await context.ask("rates")).values)

    return Panel(
        "overview",
        "Overview",
        order=0,
        reads={"processes": read_processes, "rates": read_rates},
        answers={"status": status.read, "rates": lambda: app.get(Console).rates.rates()},
        assets=assets_of("overview"),
    )


async def _loop_delay_seconds() -> float:
    """Return how much later than planned the event loop runs a callback."""
    started = time.perf_counter()
    await asyncio.sleep(_DELAY_SECONDS)
    return max(time.perf_counter() - started - _DELAY_SECONDS, 0.0)


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        if sys.platform == "win32":
            return 0
        import resource

        # Without /proc: the peak is the closest value of the standard library.
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
