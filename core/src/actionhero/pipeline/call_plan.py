"""`CallPlan`: the steps of a call of one action, prepared when the application loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero.call import Outcome
from actionhero.middleware import Middleware

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from actionhero.action import RegisteredAction
    from actionhero.call import Call


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
        "afters",
        "authorizations",
        "befores",
        "has_afters",
        "outputs",
        "response_types",
        "run",
        "schema",
        "seconds",
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
        self.schema = action.inputs
        self.outputs = action.outputs
        self.outputs.strict = (action.type.validate_outputs or validate_outputs) == "strict"
        self.response_types = response_types
        limit = action.type.timeout
        #: The time limit; zero: no limit.
        self.seconds = default_seconds if limit is None else limit.total_seconds()
        layers = (*middleware, *action.middleware)
        #: `authorize` of the middleware that overrides it.
        self.authorizations = tuple(filter(None, (_override(item, "authorize") for item in layers)))
        #: `before` and `after` of each middleware; `None` where the class does not override it.
        self.befores = tuple(_override(layer, "before") for layer in layers)
        self.afters = tuple(_override(layer, "after") for layer in layers)
        self.has_afters = any(self.afters)
        #: Calls `run` with the parameters that it declares.
        self.run = _runner(action)

    def complete(self, value: Any, *, encode: bool) -> Outcome:
        """Return the outcome of a call with a result, checked against the return annotation.

        Args:
            value: The result of `run`, or the list of the items of a stream.
            encode: Whether the outcome leaves the process.

        Raises:
            OutputMismatch: The result does not match.
            TypeError: The result cannot be serialized.
        """
        outputs = self.outputs
        is_response = self._is_response(value)
        if outputs.is_open or is_response:
            outcome = Outcome(value)
            outcome.is_response = is_response
            return outcome
        if self.action.is_generator and isinstance(value, list):
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
