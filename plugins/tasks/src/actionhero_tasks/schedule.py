"""The times of a recurring action. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from actionhero_tasks.cron import Cron

if TYPE_CHECKING:
    from actionhero_tasks.task import Task


class Times(Protocol):
    """The times of a schedule, in milliseconds since the epoch."""

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after` and not after `until`."""


class Every:
    """Times at a fixed interval, counted from the epoch and so equal on every machine."""

    def __init__(self, interval: timedelta) -> None:
        self._interval_ms = interval // timedelta(milliseconds=1)

    def after(self, milliseconds: int) -> int:
        """Return the first time after a point in time."""
        return (milliseconds // self._interval_ms + 1) * self._interval_ms

    def last_until(self, after: int, until: int) -> int | None:
        """Return the last time that is after `after` and not after `until`."""
        last = until // self._interval_ms * self._interval_ms
        return last if last > after else None


def times_of(task: Task) -> Times:
    """Return the times of a recurring task.

    Raises:
        ValueError: They are invalid.
    """
    if task.every is not None:
        return Every(task.every)
    return Cron(task.cron or "", task.timezone)


def schedule_error(task: Task) -> str | None:
    """Return the error in the times of a task, or `None`."""
    try:
        times_of(task).after(0)
    except ValueError as error:
        return f"cron = {task.cron!r}: {error}"
    return None
