"""A call: one execution of one action for one connection; and its outcome."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, overload

from actionhero.identifier import new_identifier
from actionhero.identity.principal import ANONYMOUS, Principal, is_no_user, session_principal
from actionhero.identity.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Mapping

    from actionhero.answer import Answer
    from actionhero.connection import Connection
    from actionhero.errors import TypedError
    from actionhero.streams import Event

Resource = TypeVar("Resource")
Input_contra = TypeVar("Input_contra", contravariant=True)
Output_co = TypeVar("Output_co", covariant=True)
Input = TypeVar("Input")
Result = TypeVar("Result")
Value = TypeVar("Value")


class ActionOfInputsAndCall(Protocol[Input_contra, Output_co]):
    """An action with `run(inputs, call)`; type checkers infer both types from it."""

    def run(self, inputs: Input_contra, call: Call) -> Output_co:
        """Run the action."""


class ActionOfCallAndInputs(Protocol[Input_contra, Output_co]):
    """An action with `run(call, inputs)`."""

    def run(self, call: Call, inputs: Input_contra) -> Output_co:
        """Run the action."""


class ActionOfInputs(Protocol[Input_contra, Output_co]):
    """An action with `run(inputs)`."""

    def run(self, inputs: Input_contra) -> Output_co:
        """Run the action."""


class ActionOfCall(Protocol[Output_co]):
    """An action with `run(call)`."""

    def run(self, call: Call) -> Output_co:
        """Run the action."""


class ActionOfNothing(Protocol[Output_co]):
    """An action with `run()`."""

    def run(self) -> Output_co:
        """Run the action."""


#: Classes of actions by the parameters of `run`, which returns an awaitable or an async iterable.
WithInputs: TypeAlias = (
    type[ActionOfInputsAndCall[Input, Result]]
    | type[ActionOfCallAndInputs[Input, Result]]
    | type[ActionOfInputs[Input, Result]]
)
WithoutInputs: TypeAlias = type[ActionOfCall[Result]] | type[ActionOfNothing[Result]]


class ResourceProvider(Protocol):
    """The resources of an application, by type."""

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource provided as `type_`."""


class CallRunner(Protocol):
    """The part of the pipeline that a call uses."""

    #: The session key of the user.
    user_key: str

    async def nested(self, call: Call, action: type, inputs: Any) -> Outcome:
        """Call `action` inside `call`."""

    def session_of(self, principal: Principal) -> Session:
        """Return the session of a call with credentials."""

    async def has_permission(self, principal: Principal, name: str) -> bool:
        """Return whether a principal has a permission."""

    def resource(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`."""


class Call:
    """One execution of one action, passed to middleware and to `run`.

    Created by the pipeline. It holds all state of the execution: the connection may have twenty
    calls at once.
    """

    __slots__ = (
        "_carrier",
        "_idempotency_key",
        "_principal",
        "_request_id",
        "_runner",
        "_scratch",
        "_session",
        "action",
        "connection",
        "inputs",
        "outer",
    )

    def __init__(
        self,
        runner: CallRunner,
        action: Any,
        connection: Connection,
        request_id: str | None = None,
        carrier: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        outer: Call | None = None,
    ) -> None:
        #: The action: its name, description, schemas, and the attributes of transports.
        self.action = action
        #: The client.
        self.connection = connection
        #: The validated inputs; `before` of a middleware may replace them.
        self.inputs: Any = None
        #: The enclosing call, which runs this one by `call.run`; `None` for that of a client.
        self.outer = outer
        self._carrier = carrier
        self._idempotency_key = idempotency_key
        self._runner = runner
        self._request_id = request_id
        self._principal: Principal | None = None
        self._session: Session | None = None
        self._scratch: dict[Any, Any] | None = None

    @property
    def request_id(self) -> str:
        """The identifier of the request, the same in all log lines of the request."""
        if self._request_id is None:
            self._request_id = new_identifier()
        return self._request_id

    @property
    def session(self) -> Session:
        """The session of the connection, a mutable mapping."""
        if self._session is None:
            if self._principal is not None:
                # Created on first use: most calls with credentials do not need it.
                self._session = self._runner.session_of(self._principal)
                return self._session
            session = self.connection.session
            if session is None:
                # Without a store, the session lives as long as the connection.
                session = self.connection.session = Session()
            self._session = session
        return self._session

    @property
    def principal(self) -> Principal:
        """The caller: of the credentials of the call, or the user of its session; or anonymous."""
        if self._principal is not None:
            return self._principal
        # Not kept, as the action may sign a user in or out.
        user = self.session.get(self._runner.user_key)
        return ANONYMOUS if is_no_user(user) else session_principal(user)

    @property
    def carrier(self) -> Mapping[str, str]:
        """The trace fields that the caller has sent: `traceparent`, `tracestate` (W3C)."""
        return self.connection.trace_fields if self._carrier is None else self._carrier

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key as the caller has sent it, perhaps malformed; `None` without one.

        Over HTTP it is the header `Idempotency-Key`, over WebSocket the field `idempotencyKey` of
        the message, on the command line the option `--idempotency-key`. An inner call has none: the
        key is that of the whole request.
        """
        if self.outer is not None:
            return None
        key = self._idempotency_key
        return self.connection.idempotency_key if key is None else key

    async def has_permission(self, name: str) -> bool:
        """Return whether the caller has a permission; an anonymous caller has none.

        Args:
            name: The permission, such as `admin`.
        """
        return await self._runner.has_permission(self.principal, name)

    @property
    def scratch(self) -> dict[Any, Any]:
        """A mapping for middleware, to pass values from `before` to `after`."""
        if self._scratch is None:
            self._scratch = {}
        return self._scratch

    def get(self, type_: type[Resource]) -> Resource:
        """Return the resource that an initializer provides as `type_`, or settings of that class.

        Raises:
            BootError: Nothing is provided as `type_`.
        """
        return self._runner.resource(type_)

    @overload
    async def run(self, action: WithInputs[Input, Awaitable[Result]], inputs: Input) -> Result: ...
    @overload
    async def run(self, action: WithoutInputs[Awaitable[Result]]) -> Result: ...
    @overload
    async def run(
        self, action: WithInputs[Input, AsyncIterable[Event[Result]]], inputs: Input
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Event[Result]]]) -> list[Result]: ...
    @overload
    async def run(
        self, action: WithInputs[Input, AsyncIterable[Result]], inputs: Input
    ) -> list[Result]: ...
    @overload
    async def run(self, action: WithoutInputs[AsyncIterable[Result]]) -> list[Result]: ...
    @overload
    async def run(self, action: type, inputs: Mapping[str, Any]) -> Any: ...
    async def run(self, action: type, inputs: Any = None, **others: Any) -> Any:
        """Run another action with the same connection and session, and return its result.

        The call goes through the pipeline, with the middleware and the time limit of the other
        action. The inputs are an instance, which is not validated again, or a mapping of values by
        name, which is validated. The items of a stream become a list, events become their data.

        Raises:
            TypedError: The other action failed.
        """
        for name in others:
            raise TypeError(
                f"call.run has no option {name!r}; inputs are one argument, as in "
                f"call.run({action.__name__}, {{{name!r}: …}})"
            )
        outcome = await self._runner.nested(self, action, inputs)
        return outcome.unwrap()

    def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Report the progress of this call. Only some transports use it, such as the job queue.

        Args:
            done: The amount of work that is done.
            total: The total amount of work; `None` if unknown.
            message: A description of the present step, for transports that show one.

        Raises:
            ValueError: An amount is not a finite number.
        """
        if not _is_finite(done) or (total is not None and not _is_finite(total)):
            raise ValueError("the progress of a call should be a finite number")
        self.connection.progress(done, total, message)

    async def ask(
        self, question: str, type_: type[Value], *, key: str | None = None
    ) -> Answer[Value]:
        """Ask the user of this call a question, in the middle of the call.

        Some clients run the call again from its beginning with the answer, so ask before the
        action changes anything.

        Args:
            question: The question, for a person.
            type_: A model of the answer, whose fields are texts, numbers, booleans, enumerations
                or lists of these.
            key: The name of the question in this call; by default its position.

        Returns:
            The answer; the user may decline it.

        Raises:
            ConnectionTypeNotFound: The transport, or its client, cannot ask.
        """
        return await self.connection.ask(question, type_, key=key)

    def __repr__(self) -> str:
        return f"<Call of {self.action.name!r} by {self.connection!r}>"


class Outcome:
    """The outcome of a call: a value or an error.

    Args:
        value: The result of `run`, as a value of the annotated type once the call has ended.
        error: The error, if the call failed.
        stack: The traceback of the error without secrets, if tracebacks are shown.
        cancelled: Whether the call was cancelled, by a disconnect or a shutdown.
    """

    __slots__ = ("body", "cancelled", "error", "is_response", "stack", "value")

    def __init__(
        self,
        value: Any = None,
        error: TypedError | None = None,
        *,
        stack: str | None = None,
        cancelled: bool = False,
    ) -> None:
        self.value = value
        #: The value as JSON, by the return annotation; transports use `encode_outcome`.
        self.body: bytes | None = None
        #: Whether the value is a response of a transport, which other transports cannot encode.
        self.is_response = False
        self.error = error
        self.stack = stack
        self.cancelled = cancelled

    @property
    def ok(self) -> bool:
        """Whether the call succeeded.

        A response of a transport whose `status` is 400 or above is a failure like an error.
        """
        if self.error is not None or not self.is_response:
            return self.error is None
        status = getattr(self.value, "status", None)
        return not isinstance(status, int) or status < 400

    @property
    def name(self) -> str:
        """The name of the outcome in logs, metrics and traces.

        `ok`, `cancelled`, the type of the error, or `status 404` of a failed response.
        """
        if self.cancelled:
            return "cancelled"
        if self.error is not None:
            return self.error.type.value
        if not self.is_response or self.ok:
            return "ok"
        return f"status {self.value.status}"

    def unwrap(self) -> Any:
        """Return the value.

        Raises:
            TypedError: The call failed.
        """
        if self.error is not None:
            raise self.error
        return self.value

    def __repr__(self) -> str:
        # Not the value: it may be long, or secret.
        return f"<Outcome {'value' if self.error is None else repr(self.error)}>"


def _is_finite(amount: Any) -> bool:
    try:
        return math.isfinite(amount)
    except (TypeError, OverflowError):  # not a number, or one that no transport can write
        return False
