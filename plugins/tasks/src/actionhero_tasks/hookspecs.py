"""The hooks of background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dramatiq import Middleware

    from actionhero import Application

hookspec = pluggy.HookspecMarker("actionhero")


@hookspec
def actionhero_tasks_middleware(app: Application) -> Sequence[Middleware] | None:
    """Native dramatiq middleware for the jobs that run actions.

    Called once in each process that runs jobs, before the first job. The event loop calls
    `before_process_message` and `after_process_message`, so they must not block; `SkipMessage` is
    supported, and so are the boot and shutdown of a worker.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `dramatiq.Middleware`.

    Order:
        Plugins in the order in which they were registered; the first middleware is the outermost.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_middleware(app):
            return [JobTimes(app.get(Meter))]
        ```
    """
