"""The base class of middleware, which authorizes calls and runs around actions."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero.call import Call, Outcome
    from actionhero.connection import Connection
    from actionhero.errors import TypedError
    from actionhero.identity.session import Session


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """A header that middleware reads from requests over HTTP."""

    #: Its name.
    name: str
    #: Its description, as a sentence.
    description: str
    #: Whether requests without it are refused.
    required: bool = False


class Middleware:
    """Runs around an action in `Action.middleware`, or around all actions if a hook adds it.

    One instance serves all calls at once: keep the state of a call in `call.scratch`.
    """

    #: Whether it refuses calls without a session, for API documents.
    requires_session: ClassVar[bool] = False
    #: The errors with which it refuses calls, for API documents.
    errors: ClassVar[tuple[type[TypedError], ...]] = ()
    #: Whether `admit` needs the session, and so runs after it was opened.
    admits_by_session: ClassVar[bool] = False
    #: Whether it runs the action in a transaction, which `after` commits or rolls back.
    begins_transaction: ClassVar[bool] = False
    #: Whether `after` leaves every outcome as it is, so that it is not checked and encoded again.
    keeps_outcome: ClassVar[bool] = False
    #: The headers of a request that it reads, for API documents; other transports have their own
    #: form of them.
    request_headers: Sequence[RequestHeader] = ()
    #: The headers that it adds to responses over HTTP, for API documents: descriptions by name.
    response_headers: Mapping[str, str] = MappingProxyType({})

    def for_action(self, action: Any) -> Middleware | None:
        """Return the middleware to enter in calls of an action.

        Called once for each action, while the application is loaded, so that a middleware around
        all actions costs nothing in those that it does not concern.

        Args:
            action: The registered action, as `Call.action`.

        Returns:
            This middleware, another one in its place, or `None` to leave it out.
        """
        return self

    def around_run(self, action: Any) -> Middleware | None:
        """Return another middleware to enter in calls of an action, inside of all others.

        Called once for each action, like `for_action`. Its `before` is the last one before `run`,
        and its `after` the first one: both are in the transaction of other middleware, if there is
        one, and an error of `after` rolls it back.

        Args:
            action: The registered action, as `Call.action`.
        """
        return None

    async def admit(self, connection: Connection, action: Any, session: Session | None) -> None:
        """Check that a client may call the action, before anything of the call is read.

        Runs before the caller is identified and its session is opened, and over HTTP before the
        body is read; with `admits_by_session` between `authorize` and the validation of the inputs.
        Invalid inputs are counted too, as for a limit of calls.

        Args:
            connection: The client.
            action: The registered action, as `Call.action`.
            session: The session; `None` without `admits_by_session`.

        Raises:
            TypedError: To refuse the call. No other method of any middleware runs.
        """

    async def authorize(self, call: Call) -> None:
        """Check that the caller may call the action, before the inputs are validated.

        All of these run before the first `before`, from the outermost middleware to the innermost.
        A caller who is refused learns nothing of the inputs, and the body of the request is not
        parsed. `call.inputs` is `None`.

        Raises:
            TypedError: To refuse the call. No other method of any middleware runs.
        """

    async def before(self, call: Call) -> Outcome | None:
        """Run before the action, from the outermost middleware to the innermost.

        `call.inputs` may be changed or replaced; they are not validated again.

        Returns:
            `None`; or an outcome, with which the call ends: inner middleware and the action do not
            run, `after` of this one and of the outer ones does.

        Raises:
            TypedError: To refuse the call. Inner middleware and the action do not run.
        """

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        """Run after the action, from the innermost middleware to the outermost.

        Called if `before` was called, also after an error.

        Returns:
            An outcome that replaces `outcome`, or `None` to keep it.
        """
