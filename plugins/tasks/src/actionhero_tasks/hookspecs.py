"""What a plugin may contribute to background jobs."""

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
    """Native middleware of dramatiq, for jobs that our worker runs.

    Called once, in a process that runs jobs, before the first of them. Its
    `before_process_message` and `after_process_message` are called on the event loop, so keep them
    short; a `SkipMessage` is heeded. Boot and shutdown of a worker are told too.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `dramatiq.Middleware`.

    Order:
        Plugins in the order in which they were registered: what is given first is the outermost.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_middleware(app):
            return [JobTimes(app.get(Meter))]
        ```
    """
