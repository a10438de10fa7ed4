"""The call in whose context a job is enqueued, for its user."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from actionhero import Call
from actionhero.transport import request_id

if TYPE_CHECKING:
    from actionhero import Principal

#: The principal of jobs that are enqueued outside of a call: the user of `--as-user`.
operator_principal: ContextVar[Principal | None] = ContextVar("operator_principal", default=None)


def current_call() -> Call | None:
    """Return the call that this asyncio task runs in, or `None`."""
    source = request_id.source()
    return source if isinstance(source, Call) else None
