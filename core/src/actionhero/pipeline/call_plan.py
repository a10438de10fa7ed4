"""`CallPlan`: the steps of a call of one action, prepared when the application loads."""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any

from actionhero.call import Outcome
from actionhero.middleware import Middleware
from actionhero.outputs import Encoded, ForgottenAwait, ResultError, decode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeAlias

    from actionhero.action import RegisteredAction
    from actionhero.call import Call

    #: `admit` of a middleware, whose result is checked.
    Check: TypeAlias = Callable[..., Awaitable[Any]]


class CallPlan:
    """The steps of a call of one action.

    Args:
        action: The action.
        middleware: The middleware around every call, the outermost first.
        response_types: The classes of responses of transports, which are not checked.
        default_seconds: The time limit of actions without one; zero: no limit.
        validate_outputs: The check of results of actions without a choice: `filter` or `strict`.
    """

    __slots__ = (
        "action",
        "admissions",
        "afters",
        "authorizations",
        "befores",
        "checks_callers",
        "has_afters",
        "is_generator",
        "keeps_outcome",
        "layers",
        "outputs",
        "response_types",
        "run",
        "schema",
        "seconds",
        "session_admissions",
        "streams",
    )

    def __init__(
        self,
        action: RegisteredAction,
        middleware: Sequence[Middleware],
        response_types: tuple[type, ...],
        default_seconds: float,
        validate_outputs: str,
    ) -> None:
        self.action = action
        self.streams = action.streams
        self.is_generator = action.is_generator
        self.schema = action.inputs
        self.outputs = action.outputs
        self.outputs.strict = (action.type.validate_outputs or validate_outputs) == "strict"
        self.response_types = response_types
        limit = action.type.timeout
        #: The time limit; zero: no limit.
        self.seconds = default_seconds if limit is None else limit.total_seconds()
        layers = [
            layer
            for item in (*middleware, *action.middleware)
            if (layer := _for_action(item, action)) is not None
        ]
        layers += [
            inner
            for layer in layers
            if (around_run := _override(layer, "around_run")) is not None
            and (inner := around_run(action)) is not None
        ]
        #: The middleware to enter, the outermost first.
        self.layers = tuple(layers)
        admitting = [item for item in layers if _override(item, "admit") is not None]
        #: `admit` before and after the session is opened.
        self.admissions: tuple[Check, ...] = tuple(
            item.admit for item in admitting if not getattr(item, "admits_by_session", False)
        )
        self.session_admissions: tuple[Check, ...] = tuple(
            item.admit for item in admitting if getattr(item, "admits_by_session", False)
        )
        #: `authorize` of the middleware that overrides it.
        self.authorizations = tuple(filter(None, (_override(item, "authorize") for item in layers)))
        #: Whether callers are checked before the inputs are read.
        self.checks_callers = bool(admitting or self.authorizations)
        #: `before` and `after` of each middleware; `None` where the class does not override it.
        self.befores = tuple(_override(layer, "before") for layer in layers)
        self.afters = tuple(_override(layer, "after") for layer in layers)
        self.has_afters = any(self.afters)
        #: Whether no `after` changes outcomes.
        self.keeps_outcome = all(
            after is None or getattr(layer, "keeps_outcome", False)
            for layer, after in zip(self.layers, self.afters, strict=True)
        )
        #: Calls `run` with the parameters that it declares.
        self.run = _runner(action)

    def complete(self, value: Any, *, encode: bool) -> Outcome:
        """Return the outcome of a call with a result, checked against the return annotation.

        Args:
            value: The result of `run`, or the list of the items of a stream.
            encode: Whether the outcome leaves the process.

        Raises:
            OutputMismatch: The result does not match.
            ForgottenAwait: The result is a coroutine.
            TypeError: The result cannot be serialized.
        """
        outputs = self.outputs
        is_response = False
        # Nearly all results are dictionaries, which need none of these checks.
        if type(value) is not dict:
            if type(value) is Encoded:
                return _encoded(value, encode=encode)
            if type(value) is CoroutineType:
                raise ForgottenAwait(value, self.action.instance.run, self.action.name)
            is_response = isinstance(value, self.response_types)
        if outputs.is_open or is_response:
            outcome = Outcome(value)
            outcome.is_response = is_response
            return outcome
        if self.is_generator and isinstance(value, list):
            items = [outputs.item(item) for item in value]
            outcome = Outcome([item.data for item in items])
            outcome.body = b"[%b]" % b",".join(
                b"null" if item.data is None else item.body for item in items
            )
            return outcome
        value = outputs.conform(value)
        outcome = Outcome(value)
        if encode:
            outcome.body = outputs.encode(value)
            outcome.is_response = outcome.body is None
        return outcome

    def complete_early(self, outcome: Any, before: Any, *, encode: bool) -> Outcome:
        """Return the outcome that `before` of a middleware has returned, checked like a result.

        Raises:
            OutputMismatch: Its value does not match the return annotation.
            ResultError: It is no outcome.
            TypeError: Its value cannot be serialized.
        """
        checked = checked_outcome(outcome, before)
        if checked.error is not None:
            return checked
        return self.complete(checked.value, encode=encode)

    def complete_again(self, outcome: Outcome, result: Any, *, encode: bool) -> None:
        """Check the value of a successful outcome after middleware has had it.

        Args:
            outcome: The outcome, perhaps replaced, or with another value.
            result: The value before, which was checked; `after` may have changed a part of it.
            encode: Whether the outcome leaves the process.

        Raises:
            OutputMismatch: The value does not match the return annotation.
            TypeError: The value cannot be serialized.
        """
        value, outputs = outcome.value, self.outputs
        if outcome.body is not None and type(value) is Encoded:
            return
        if value is result and (value is None or not (self.streams or outputs.is_plain)):
            # Not `conform`, because checking twice could convert twice.
            if not outcome.is_response:
                self._encode(outcome, encode=encode)
            return
        checked = self.complete(value, encode=encode)
        outcome.value, outcome.body = checked.value, checked.body
        outcome.is_response = checked.is_response

    def _encode(self, outcome: Outcome, *, encode: bool) -> None:
        """Encode the checked value of an outcome, unless it is a response of a transport."""
        outcome.is_response = self._is_response(outcome.value)
        if encode and not outcome.is_response and not self.outputs.is_open:
            outcome.body = self.outputs.encode(outcome.value)
            outcome.is_response = outcome.body is None

    def _is_response(self, value: Any) -> bool:
        # The base class of aiohttp's responses is an abstract one, so `isinstance` takes long.
        return type(value) is not dict and isinstance(value, self.response_types)


def checked_outcome(value: Any, method: Any) -> Outcome:
    """Return the outcome that a method of a middleware has returned.

    Raises:
        ResultError: It is no outcome. The message names the middleware.
    """
    if isinstance(value, Outcome):
        return value
    raise ResultError(f"{_place(method)} returned {value!r}; return an Outcome, or nothing")


def unexpected_result(value: Any, method: Any) -> ResultError:
    """Return the error for a result of `admit` or `authorize`, which refuse calls by an error.

    A result of `False` would otherwise allow the call.
    """
    return ResultError(
        f"{_place(method)} returned {value!r}; raise Forbidden to refuse the call, or return "
        "nothing to allow it"
    )


def _place(method: Any) -> str:
    """Return the name of a method, with its file and line."""
    function = getattr(method, "__func__", method)
    code = getattr(function, "__code__", None)
    place = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
    return f"{getattr(function, '__qualname__', repr(method))}{place}"


def _encoded(value: Encoded, *, encode: bool) -> Outcome:
    if not isinstance(value.body, bytes):
        raise TypeError(f"the body of Encoded is {type(value.body).__name__}; encode it as UTF-8")
    outcome = Outcome(value if encode else decode(value.body))
    outcome.body = value.body
    return outcome


def _for_action(item: Middleware, action: RegisteredAction) -> Middleware | None:
    """Return the middleware to enter in calls of an action; `None`: none."""
    select = _override(item, "for_action")
    return item if select is None else select(action)


def _override(layer: Middleware, method: str) -> Any:
    """Return a method of a middleware, or `None` if it is the one of `Middleware`."""
    if getattr(type(layer), method, None) is getattr(Middleware, method):
        return None
    # Middleware need not be a subclass, and then perhaps has no `authorize`.
    return getattr(layer, method, None)


def _runner(action: RegisteredAction) -> Callable[[Call], Any]:
    """Return a function that calls `run` with the parameters that it declares."""
    run, signature = action.instance.run, action.signature
    names, fields = signature.names, signature.fields
    if not signature.keywords and not fields:
        if names == ("inputs", "call"):
            return lambda call: run(call.inputs, call)
        if names == ("call", "inputs"):
            return lambda call: run(call, call.inputs)
        if names == ("inputs",):
            return lambda call: run(call.inputs)
        return run if names == ("call",) else lambda call: run()

    def run_by_name(call: Call) -> Any:
        inputs = call.inputs
        arguments = {name: getattr(inputs, name) for name in fields}
        if "call" in names:
            arguments["call"] = call
        if "inputs" in names:
            arguments["inputs"] = inputs
        return run(**arguments)

    return run_by_name
