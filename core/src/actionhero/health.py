"""`Health`: the health checks of initializers, and `Diagnosis`: the results of `doctor`."""

from __future__ import annotations

import asyncio
import errno
import shutil
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from actionhero.initializer import Initializer, has_check

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: The time limit of a health check.
CHECK_SECONDS = 5.0
#: The free disk space below which a disk is full.
MIN_FREE_BYTES = 1_048_576


def check_disk_space(folder: Path) -> None:
    """Check the disk of a folder in which a part of the application writes.

    Raises:
        OSError: The disk is full, or the folder does not exist.
    """
    if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
        raise OSError(errno.ENOSPC, "the disk is full; free space on it", str(folder))


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one health check."""

    #: The initializer's `check_name`, or its name.
    name: str
    healthy: bool
    #: The reason for a failure, for operators only.
    problem: str | None = None


@dataclass(slots=True)
class _Run:
    """A run of all checks, which is cancelled with its last caller."""

    task: asyncio.Task[list[Check]]
    callers: int = 0


class Health:
    """The health checks of all initializers that have one."""

    def __init__(self, initializers: Iterable[Initializer]) -> None:
        self._initializers = [item for item in initializers if has_check(item)]
        #: The checks that run, by the event loop.
        self._runs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Run] = WeakKeyDictionary()

    async def check(self) -> list[Check]:
        """Run all checks concurrently, and return their results in the order of initializers.

        It takes no longer than `CHECK_SECONDS`, even if a check ignores its cancellation. Callers
        that ask during a run get its results, so many callers do not multiply the load.
        """
        loop = asyncio.get_running_loop()
        run = self._runs.get(loop)
        if run is None or run.task.done():
            # In an empty context: the run may outlast the call, and its transaction, that began it.
            run = _Run(loop.create_task(self._check_all(), context=Context()))
            self._runs[loop] = run
        run.callers += 1
        try:
            return await asyncio.shield(run.task)
        finally:
            run.callers -= 1
            if not run.callers:
                run.task.cancel()
                if self._runs.get(loop) is run:
                    del self._runs[loop]

    async def _check_all(self) -> list[Check]:
        tasks = [asyncio.ensure_future(_check(item)) for item in self._initializers]
        if not tasks:
            return []
        try:
            # One timer for all of them.
            await asyncio.wait(tasks, timeout=CHECK_SECONDS)
        finally:
            unfinished = [task for task in tasks if task.cancel()]
        results = [None if task in unfinished else task.result() for task in tasks]
        return [
            Check(item.check_name or item.name, problem is None, problem)
            for item, problem in zip(self._initializers, map(_problem, results), strict=True)
        ]


async def _check(initializer: Initializer) -> BaseException | bool:
    """Return the exception of a check, or `True`."""
    try:
        await initializer.check()
    except (GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        return error
    return True


def _problem(result: BaseException | bool | None) -> str | None:
    if result is None:
        return f"no response within {CHECK_SECONDS:.0f} s"
    return f"{type(result).__name__}: {result}" if isinstance(result, BaseException) else None


class Finding(StrEnum):
    """The severity of a diagnosis."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one check of `actionhero doctor`; see the hook `actionhero_doctor_checks`.

    Args:
        check: The name of the check.
        finding: The severity. With `FAILED` the command exits with 1.
        message: The result, and the remedy.
    """

    check: str
    finding: Finding
    message: str
