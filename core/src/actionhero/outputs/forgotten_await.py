"""`ForgottenAwait`: the error of a result that is a coroutine, because of a missing `await`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from actionhero.outputs.mismatch import ResultError

if TYPE_CHECKING:
    from types import CoroutineType


class ForgottenAwait(ResultError):
    """Raised for a result that is a coroutine.

    Args:
        coroutine: The coroutine; it is closed, so that Python does not warn of it too.
        run: The function that returned it.
        name: The name of the action.
    """

    def __init__(self, coroutine: CoroutineType[Any, Any, Any], run: Any, name: str) -> None:
        coroutine.close()
        place = place_of_call(run, coroutine.__name__)
        super().__init__(
            f"did you forget 'await' in {name!r}? run returned a coroutine of "
            f"{coroutine.__qualname__!r} instead of its result ({place})"
        )


def place_of_call(run: Any, called: str) -> str:
    """Return the line of `run` that calls a function without `await`; its first line otherwise."""
    function = inspect.unwrap(getattr(run, "__func__", run))
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError:
        lines, first = [], code.co_firstlineno
    for number, line in enumerate(lines, first):
        if f"{called}(" in line and "await" not in line and "def " not in line:
            return f"{code.co_filename}:{number}: {line.strip()}"
    return f"{code.co_filename}:{code.co_firstlineno}"
