"""The exceptions that the code of the sample application raises on request."""

from __future__ import annotations

import asyncio

#: By name. Some are no `Exception`.
ERRORS: dict[str, type[BaseException]] = {
    error.__name__: error for error in (RuntimeError, asyncio.CancelledError, SystemExit)
}


def fail(name: str) -> None:
    """Raise the exception with this name."""
    raise ERRORS[name]("expected Traceback")
