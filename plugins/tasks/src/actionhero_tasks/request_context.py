"""The call in whose context a job is enqueued, for its request id and its user."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from actionhero import Middleware

if TYPE_CHECKING:
    from actionhero import Call, Outcome, Principal

_current: ContextVar[Call | None] = ContextVar("actionhero_tasks_call", default=None)

#: The principal of jobs that are enqueued outside of a call: the user of `--as-user`.
operator_principal: ContextVar[Principal | None] = ContextVar("operator_principal", default=None)


class CurrentCallMiddleware(Middleware):
    """Sets the current call of every action."""

    async def before(self, call: Call) -> None:
        """Set the current call."""
        call.scratch[self] = _current.set(call)

    async def after(self, call: Call, outcome: Outcome) -> None:
        """Restore the call that this one is nested in, if any."""
        token = call.scratch.pop(self, None)
        if token is not None:
            _current.reset(token)


def current_call() -> Call | None:
    """Return the call that this asyncio task runs in, or `None`."""
    return _current.get()
