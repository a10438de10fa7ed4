"""`decision`: whether the result of an author's function allows something."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, Final

#: What a function returns that forgets `await`, or that is a generator.
_NO_DECISIONS: Final = (Awaitable, AsyncIterator, Iterator)


def decision(result: Any) -> bool:
    """Return whether a result is true.

    Raises:
        TypeError: It would be true for every caller, as a coroutine without `await`.
    """
    if result is True or result is False:
        return bool(result)
    # Other values are decisions, such as a row or a list of roles.
    if callable(result) or result is NotImplemented or isinstance(result, _NO_DECISIONS):
        if inspect.iscoroutine(result):
            # Otherwise Python warns of it, too.
            result.close()
        raise TypeError(
            f"returned {type(result).__name__!r}, which is always true; return True or False, and "
            "await what is asynchronous"
        )
    return bool(result)
