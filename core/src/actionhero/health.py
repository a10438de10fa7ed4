"""`Health`: the health checks of initializers, and `Diagnosis`: the results of `doctor`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actionhero.initializer import Initializer, has_check

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The time limit of a health check.
CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one health check."""

    #: The initializer's `check_name`, or its name.
    name: str
    healthy: bool
    #: The reason for a failure, for operators only.
    problem: str | None = None


class Health:
    """The health checks of all initializers that have one."""

    def __init__(self, initializers: Iterable[Initializer]) -> None:
        self._initializers = [item for item in initializers if has_check(item)]

    async def check(self) -> list[Check]:
        """Run all checks concurrently, and return their results in the order of initializers.

        It takes no longer than `CHECK_SECONDS`, even if a check ignores its cancellation.
        """
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
