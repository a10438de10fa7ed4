"""The options of `enqueue`: their bounds, and delays in milliseconds."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from actionhero import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actionhero import Action

#: The longest delay of a job, after which it still has a date.
MAX_DELAY: Final = timedelta(days=36_500)
#: The largest priority, positive or negative.
MAX_PRIORITY: Final = 2**31 - 1


def delay_ms(delay: timedelta | None, at: datetime | None) -> int:
    """Return the time until a job may run, in milliseconds; at least 0.

    Raises:
        InvalidInput: It is longer than `MAX_DELAY`.
        TypeError: Both are passed, one has another type, or the time has no time zone.
    """
    if delay is not None and at is not None:
        raise TypeError("both delay and at; pass one of them")
    values: tuple[Any, Any] = (delay, at)
    if not isinstance(values[0], timedelta | None):
        raise TypeError(f"delay is {delay!r}; pass a duration, such as timedelta(seconds=30)")
    if not isinstance(values[1], datetime | None):
        raise TypeError(f"at is {at!r}; pass a datetime with a time zone")
    if at is not None:
        if at.tzinfo is None:
            raise TypeError(f"at is {at.isoformat()}, without a time zone; add one")
        delay = at - datetime.now(UTC)
    if delay is None:
        return 0
    if delay > MAX_DELAY:
        raise InvalidInput(f"the delay is longer than {MAX_DELAY.days} days")
    return max(milliseconds(delay), 0)


def refuse_options(
    method: Callable[..., Any], action: type[Action] | str, names: Iterable[str]
) -> None:
    """Refuse options that a method of `Tasks` does not have, such as inputs that are passed so.

    Raises:
        TypeError: There is one; the message says how inputs are passed.
    """
    for name in names:
        parameters = inspect.signature(method).parameters.values()
        options = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]
        action_name = repr(action) if isinstance(action, str) else action.__name__
        inputs = f"{{{name!r}: …}}" if method.__name__ == "enqueue" else f"[{{{name!r}: …}}, …]"
        raise TypeError(
            f"{method.__name__}() has no option {name!r} (available: {', '.join(options)}); inputs "
            f"are one argument, as in {method.__name__}({action_name}, {inputs})"
        )


def milliseconds(time: timedelta) -> int:
    """Return a duration in whole milliseconds."""
    return time // timedelta(milliseconds=1)


def retry_delay_ms(delay_ms: float) -> int:
    """Return the delay of a retry as a store can write it: a whole number up to `MAX_DELAY`."""
    # In this order, not a number becomes 0.
    return int(min(max(0, delay_ms), milliseconds(MAX_DELAY)))


def message_delay_ms(delay_ms: Any) -> int:
    """Return the delay of a message of dramatiq as a store can write it: a whole number.

    Raises:
        TypeError: It is not a number.
        ValueError: It is longer than `MAX_DELAY`.
    """
    if delay_ms is None:
        return 0
    if not isinstance(delay_ms, int | float):
        raise TypeError(f"delay is {delay_ms!r}; pass a number of milliseconds, or a timedelta")
    # In this form, not a number is refused.
    if not delay_ms <= milliseconds(MAX_DELAY):
        raise ValueError(f"the delay of {delay_ms} ms is longer than {MAX_DELAY.days} days")
    return int(max(0, delay_ms))


def message_priority(options: Mapping[str, Any]) -> int | None:
    """Return the priority of the job of a message, or `None` if its options have none.

    High numbers of `broker_priority` are urgent in dramatiq, and low ones here.

    Raises:
        TypeError: It is not an integer.
    """
    priority = options.get("broker_priority")
    if priority is None:
        return None
    if type(priority) is not int:
        raise TypeError(f"broker_priority is {priority!r}; pass an integer")
    return -priority


def check_priority(priority: int) -> None:
    """Raise `InvalidInput` if a priority is out of bounds, and `TypeError` if it is no integer."""
    if type(priority) is not int:
        raise TypeError(f"priority is {priority!r}; pass an integer")
    if abs(priority) > MAX_PRIORITY:
        raise InvalidInput(
            f"the priority {priority} is not between {-MAX_PRIORITY} and {MAX_PRIORITY}"
        )


def check_count(name: str, count: int, *, minimum: int) -> None:
    """Raise `ValueError` if a count is below its minimum, and `TypeError` if it is no integer."""
    if type(count) is not int:
        raise TypeError(f"{name} is {count!r}; pass an integer")
    if count < minimum:
        raise ValueError(f"{name} is {count}; pass an integer, at least {minimum}")


def check_text(name: str, text: str) -> None:
    """Raise `InvalidInput` if a text contains what not every store can write.

    No store can write lone surrogates; PostgreSQL cannot write null characters either.

    Raises:
        TypeError: It is not a text.
    """
    value: Any = text
    if not isinstance(value, str):
        raise TypeError(f"{name} is {text!r}; pass a text")
    if "\0" in text:
        raise InvalidInput(f"the {name} contains a null character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"the {name} contains a lone surrogate") from None
