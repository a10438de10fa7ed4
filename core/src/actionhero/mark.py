"""The mark on a function that implements a hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

#: Where pluggy looks for the options of an implementation: `<project name>_impl`.
MARK = "actionhero_impl"


@overload
def hookimpl(function: Function) -> Function: ...
@overload
def hookimpl(
    *, tryfirst: bool = ..., trylast: bool = ..., optionalhook: bool = ...
) -> Callable[[Function], Function]: ...
def hookimpl(
    function: Function | None = None,
    *,
    tryfirst: bool = False,
    trylast: bool = False,
    optionalhook: bool = False,
) -> Any:
    """Mark a function of a `plugin.py` as the implementation of the hook of its name.

    The same as `pluggy.HookimplMarker("actionhero")`, which may be used as well. This one does
    not import pluggy, so that a `plugin.py` costs `actionhero --help` next to nothing.

    Args:
        function: The function; its arguments are those of the hook that it wants, by name.
        tryfirst: Go before others.
        trylast: Go after others.
        optionalhook: Be silent if no installed plugin specifies this hook.
    """

    def mark(function: Function) -> Function:
        setattr(
            function,
            MARK,
            {
                "hookwrapper": False,
                "wrapper": False,
                "optionalhook": optionalhook,
                "tryfirst": tryfirst,
                "trylast": trylast,
                "specname": None,
            },
        )
        return function

    return mark if function is None else mark(function)
