"""`CallPlan`: the steps of a call of one action, prepared when the application loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        default_seconds: The time limit of actions without one; zero: no limit.
    """

    __slots__ = ("action", "afters", "befores", "run", "schema", "seconds", "streams")

    def __init__(
        self, action: RegisteredAction, middleware: Sequence[Middleware], default_seconds: float
    ) -> None:
        self.action = action
        self.streams = action.streams
        self.schema = action.inputs
        limit = action.type.timeout
        #: The time limit; zero: no limit.
        self.seconds = default_seconds if limit is None else limit.total_seconds()
        layers = (*middleware, *action.middleware)
        #: `before` and `after` of each middleware; `None` where the class does not override it.
        self.befores = tuple(_override(layer, "before") for layer in layers)
        self.afters = tuple(_override(layer, "after") for layer in layers)
        #: Calls `run` with the parameters that it declares.
        self.run = _runner(action)


def _override(layer: Middleware, method: str) -> Any:
    """Return a method of a middleware, or `None` if it is the one of `Middleware`."""
    if getattr(type(layer), method, None) is getattr(Middleware, method):
        return None
    return getattr(layer, method)


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
