"""The base class of middleware, which authorizes calls and runs around actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from actionhero.call import Call, Outcome


class Middleware:
    """Runs around an action in `Action.middleware`, or around all actions if a hook adds it.

    One instance serves all calls at once: keep the state of a call in `call.scratch`.
    """

    #: Whether it refuses calls without a session, for API documents.
    requires_session: ClassVar[bool] = False

    async def authorize(self, call: Call) -> None:
        """Check that the caller may call the action, before the inputs are validated.

        All of these run before the first `before`, from the outermost middleware to the innermost.
        A caller who is refused learns nothing of the inputs, and the body of the request is not
        parsed. `call.inputs` is `None`.

        Raises:
            TypedError: To refuse the call. No other method of any middleware runs.
        """

    async def before(self, call: Call) -> None:
        """Run before the action, from the outermost middleware to the innermost.

        `call.inputs` may be changed or replaced; they are not validated again.

        Raises:
            TypedError: To refuse the call. Inner middleware and the action do not run.
        """

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Run after the action, from the innermost middleware to the outermost.

        Called if `before` was called, also after an error.

        Returns:
            An outcome that replaces `outcome`, or `None` to keep it.
        """
