"""The faults of `run` itself: a function that is not asynchronous, or has another name."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from actionhero.inputs.near_misses import near_miss

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The names of `run` in other frameworks.
_SYNONYMS = ("__call__", "call", "execute", "get", "handle", "handler", "main", "perform", "post")


def run_fault(action: type) -> str | None:
    """Return the fault of the method `run` of an action; `None` if there is none."""
    run = inspect.getattr_static(action, "run", None)
    if isinstance(run, staticmethod | classmethod | property):
        return f"has run as a {type(run).__name__}; write 'async def run(self, …)'"
    if inspect.iscoroutinefunction(run) or inspect.isasyncgenfunction(run):
        return None
    if inspect.isfunction(run) and (written := replaced_by(run)):
        return (
            f"has 'def {written}' in place of run, as by a decorator; write 'async def {written}', "
            "with @functools.wraps(…), or a middleware"
        )
    if inspect.isfunction(run):
        return (
            "has 'def run'; write 'async def run', and call blocking code by "
            "'await asyncio.to_thread(…)'"
        )
    written = "write async def run(self, inputs, call)"
    if run is not None:
        return (
            f"has an object of the type {type(run).__qualname__!r} as run, as by a decorator; "
            f"{written}, without it"
        )
    if name := _misnamed(vars(action)):
        written = f"rename {name!r}, or {written}"
    return f"has no 'async def run'; {written}"


def replaced_by(run: Any) -> str | None:
    """Return the name of another function that is run, such as that of a decorator."""
    name = getattr(getattr(run, "__code__", None), "co_name", "run")
    return None if name in ("run", "<lambda>") else str(name)


def _misnamed(names: Iterable[str]) -> str | None:
    for name in names:
        if name in _SYNONYMS or near_miss(name, ("run",)):
            return name
    return None
