"""One run of one action for one connection, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from actionhero.identifier import new_identifier
from actionhero.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable

    from actionhero.connection import Connection
    from actionhero.errors import TypedError
    from actionhero.streams import Event

Resource = TypeVar("Resource")
Given = TypeVar("Given", contravariant=True)
Returned = TypeVar("Returned", covariant=True)
Taken = TypeVar("Taken")
Result = TypeVar("Result")


class RunsWithInputs(Protocol[Given, Returned]):
    """The shape of an action that takes inputs; it lets type checkers infer both ends."""

    def run(self, inputs: Given, call: Call) -> Returned:
        """Do the work."""


class RunsWithInputsAlone(Protocol[Given, Returned]):
    """The shape of an action that takes inputs, and does not ask who calls."""

    def run(self, inputs: Given) -> Returned:
        """Do the work."""


class RunsWithout(Protocol[Returned]):
    """The shape of an action that takes no inputs."""

    def run(self, call: Call) -> Returned:
        """Do the work."""


class RunsAlone(Protocol[Returned]):
    """The shape of an action that asks for nothing."""

    def run(self) -> Returned:
        """Do the work."""


#: Actions by what `run` is given. What it returns is awaited, or a stream of items.
WithInputs: TypeAlias = (
    type[RunsWithInputs[Taken, Result]] | type[RunsWithInputsAlone[Taken, Result]]
)
WithoutInputs: TypeAlias = type[RunsWithout[Result]] | type[RunsAlone[Result]]


class ResourceProvider(Protocol):
    """The resources of an application, by type."""

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource provided as `type_`."""


class CallRunner(Protocol):
    """The part of the pipeline that a call uses."""

    async def nested(self, call: Call, action: type, inputs: Any) -> Outcome:
        """Run `action` inside `call`."""

    def resource(self, type_: type[Resource]) -> Resource:
        """Return what initializers provide as `type_`."""


class Call:
    """One run of one action: handed to middleware and to `run`.

    Made by the corridor. Everything that belongs to this run and no other is kept here, never on
    the connection, which may have twenty calls at once.
    """

    __slots__ = (
        "_runner",
        "_request_id",
        "_scratch",
        "_session",
        "action",
        "connection",
        "inputs",
    )

    def __init__(
        self,
        runner: CallRunner,
        action: Any,
        connection: Connection,
        request_id: str | None = None,
    ) -> None:
        #: The action that runs: its name, description, and what doors keep on it.
        self.action = action
        #: Who is there.
        self.connection = connection
        #: The validated inputs; `before` of a middleware may replace them.
        self.inputs: Any = None
        self._runner = runner
        self._request_id = request_id
        self._session: Session | None = None
        self._scratch: dict[Any, Any] | None = None

    @property
    def request_id(self) -> str:
        """The identifier that ties together all that happens because of one request."""
        if self._request_id is None:
            self._request_id = new_identifier()
        return self._request_id

    @property
    def session(self) -> Session:
        """What is remembered of this connection: a mutable mapping."""
        if self._session is None:
            session = self.connection.session
            if session is None:
                # No store is installed: it lives as long as the connection.
                session = self.connection.session = Session()
            self._session = session
        return self._session

    @property
    def scratch(self) -> dict[Any, Any]:
        """Space for middleware to keep what `after` needs to know from `before`."""
        if self._scratch is None:
            self._scratch = {}
        return self._scratch

    def get(self, type_: type[Resource]) -> Resource:
        """Return what an initializer provides as `type_`, or the settings of that class.

        Raises:
            BootError: Nothing provides it.
        """
        return self._runner.resource(type_)

    @overload
    async def run(self, action: WithInputs[Taken, Awaitable[Result]], inputs: Taken) -> Result: ...
    @overload
    async def run(self, action: WithoutInputs[Awaitable[Result]]) -> Result: ...
    @overload
    async def run(
        self, action: WithInputs[Taken, AsyncIterable[Event[Result]]], inputs: Taken
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Event[Result]]]) -> list[Result]: ...
    @overload
    async def run(
        self, action: WithInputs[Taken, AsyncIterable[Result]], inputs: Taken
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Result]]) -> list[Result]: ...
    async def run(self, action: type, inputs: Any = None) -> Any:
        """Run another action with the same connection and session, and return its value.

        It takes the whole corridor: its middleware runs and its own time limit holds. The inputs
        are an instance already, so they are not validated again. A stream makes a list: of
        events, their data.

        Raises:
            TypedError: The other action failed.
        """
        outcome = await self._runner.nested(self, action, inputs)
        return outcome.unwrap()

    def progress(self, done: float, total: float | None = None) -> None:
        """Tell how far this call is, where the door has somebody to tell: a job's can be asked.

        Args:
            done: How much of the work is done.
            total: How much there is; `None`: nobody knows.
        """
        self.connection.progress(done, total)

    def __repr__(self) -> str:
        return f"<Call of {self.action.name!r} by {self.connection!r}>"


class Outcome:
    """What came of a call: a value, or an error. Never both.

    Args:
        value: What `run` returned.
        error: Why there is no value.
        stack: The traceback of the error with secrets taken out, for whoever may see it.
        cancelled: Whether the call was cancelled from outside: the client left, or we stop.
    """

    __slots__ = ("cancelled", "error", "stack", "value")

    def __init__(
        self,
        value: Any = None,
        error: TypedError | None = None,
        *,
        stack: str | None = None,
        cancelled: bool = False,
    ) -> None:
        self.value = value
        self.error = error
        self.stack = stack
        self.cancelled = cancelled

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def unwrap(self) -> Any:
        """Return the value.

        Raises:
            TypedError: There is none.
        """
        if self.error is not None:
            raise self.error
        return self.value

    def __repr__(self) -> str:
        # Not the value: it may be long, or secret.
        return f"<Outcome {'value' if self.ok else repr(self.error)}>"
