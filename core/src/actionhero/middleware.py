"""What must be true of a call before an action runs, and what becomes of its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from actionhero.call import Call, Outcome


class Middleware:
    """Runs around an action: listed in `Action.middleware`, or around all by a plugin's hook.

    One instance serves all calls at once: what belongs to one call goes into `call.scratch`.
    """

    #: Whether it refuses who has no session: documents of the API tell so.
    requires_session: ClassVar[bool] = False

    async def before(self, call: Call) -> None:
        """Look at `call` before the action runs, from the outside in.

        `call.inputs` may be changed or replaced; they are not validated again.

        Raises:
            TypedError: To refuse the call. What is further in does not run.
        """

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Look at `outcome`, from the inside out, if `before` was entered, however that ended.

        Returns:
            Another outcome to take its place, or `None` to leave it as it is.
        """
