"""Which call a job is enqueued by, so that its request and its user travel along."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from actionhero import Middleware

if TYPE_CHECKING:
    from actionhero import Call, Outcome

_current: ContextVar[Call | None] = ContextVar("actionhero_tasks_call", default=None)


class Origin(Middleware):
    """Around every call: remembers it for whatever enqueues inside."""

    async def before(self, call: Call) -> None:
        """Remember the call."""
        call.scratch[self] = _current.set(call)

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Remember the one around it, if there is one."""
        token = call.scratch.pop(self, None)
        if token is not None:
            _current.reset(token)


def current_call() -> Call | None:
    """Return the call that this task runs in, or `None`."""
    return _current.get()
