"""Whether everything that calls lean on is usable."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actionhero.initializer import Initializer, writes_check

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A dependency that does not answer in this time is not usable.
CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """What one initializer said of the thing that it provides."""

    #: The initializer's `check_name`, or its name.
    name: str
    healthy: bool
    #: Why it is not; for the operator, not for strangers.
    problem: str | None = None


class Health:
    """The checks of all initializers that have one."""

    def __init__(self, initializers: Iterable[Initializer]) -> None:
        self._checked = [item for item in initializers if writes_check(item)]

    async def check(self) -> list[Check]:
        """Ask them all at once, and return what they said, in their order."""
        return list(await asyncio.gather(*map(_ask, self._checked)))


async def _ask(initializer: Initializer) -> Check:
    name = initializer.check_name or initializer.name
    try:
        async with asyncio.timeout(CHECK_SECONDS) as limit:
            await initializer.check()
    except Exception as error:  # noqa: BLE001 - whatever a driver raises means: not usable
        if limit.expired():
            return Check(name, False, f"no answer within {CHECK_SECONDS:.0f} s")
        return Check(name, False, f"{type(error).__name__}: {error}")
    return Check(name, True)


class Finding(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found; the hook `actionhero_doctor_checks` returns them.

    Args:
        check: What was looked at.
        finding: How bad it is. `FAILED` makes the command exit 1.
        message: What was found, and what to do about it.
    """

    check: str
    finding: Finding
    message: str
