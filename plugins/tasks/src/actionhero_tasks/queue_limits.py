"""`Queue`: the name of a queue with limits, which hold across all workers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from actionhero_tasks.task import task_of

if TYPE_CHECKING:
    from actionhero import Application

#: The largest count of a rate: the store has the times of so many starts.
MAX_RATE: Final = 100_000
_PERIODS_MS: Final = {
    "second": 1000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
}
_RATE: Final = re.compile(r"(\d{1,9})/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """The limits of a queue."""

    #: How many jobs run at once at most; `None`: unlimited.
    concurrency: int | None = None
    #: How many jobs start within each period at most; `None`: unlimited.
    rate: int | None = None
    #: The period of the rate; any such period counts, not only those that begin with a full one.
    period_ms: int = 0


#: The limit of a queue that an operator has paused.
PAUSED: Final = QueueLimit(concurrency=0)


class Queue(str):
    """The name of a queue with limits for all workers together: `Task(queue=MAIL)`.

    ```python
    MAIL = Queue("mail", concurrency=4, rate="10/second")
    ```

    Args:
        name: The name.
        concurrency: How many of its jobs run at once at most.
        rate: How many of its jobs start within a period at most: a number and `second`, `minute`,
            `hour` or `day`, such as `10/second`. Retries count too.

    Raises:
        ValueError: A limit is invalid.
    """

    __slots__ = ("limit",)

    limit: QueueLimit

    def __new__(cls, name: str, *, concurrency: int | None = None, rate: str | None = None) -> Self:
        """Create the name; see the class."""
        value: Any = concurrency
        if value is not None and (type(value) is not int or value < 1):
            raise ValueError(
                f"the queue {name!r} has concurrency = {concurrency!r}; write an integer, at least "
                "1"
            )
        self = super().__new__(cls, name)
        count, period_ms = _parse_rate(name, rate)
        self.limit = QueueLimit(concurrency, count, period_ms)
        return self


def limits_of(app: Application) -> dict[str, QueueLimit]:
    """Return the limits of the queues of an application's actions."""
    queues = (task_of(action).queue for action in app.actions)
    return {
        str(queue): queue.limit
        for queue in queues
        if isinstance(queue, Queue) and queue.limit != QueueLimit()
    }


def limit_errors(app: Application) -> list[str]:
    """Return an error for each action whose queue has other limits than for another action."""
    errors = []
    first: dict[str, tuple[Queue, str]] = {}
    for action in app.actions:
        try:
            queue = task_of(action).queue
        except ValueError:
            # Another validation reports it.
            continue
        if not isinstance(queue, Queue):
            continue
        other, source = first.setdefault(str(queue), (queue, action.source))
        if queue.limit != other.limit:
            errors.append(
                f"action {action.name!r} ({action.source}) has other limits of the queue "
                f"{str(queue)!r} than {source}; declare the Queue once, and use it in both"
            )
    return errors


def _parse_rate(name: str, rate: str | None) -> tuple[int | None, int]:
    if rate is None:
        return None, 0
    match = _RATE.fullmatch(str(rate))
    if match is None or not 1 <= int(match[1]) <= MAX_RATE:
        raise ValueError(
            f"the queue {name!r} has rate = {rate!r}; write a number from 1 to {MAX_RATE} and "
            f"one of {', '.join(_PERIODS_MS)}, such as '10/second'"
        )
    return int(match[1]), _PERIODS_MS[match[2]]
