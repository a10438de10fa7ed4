"""Faults of the author that are recognized by the errors of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero.json import UnsupportedType
from actionhero.outputs import OutputMismatch, UnsupportedResult, place_of_call

if TYPE_CHECKING:
    from actionhero.action import RegisteredAction
    from actionhero.call import Call
    from actionhero.errors import TypedError

#: Where a call has what other frameworks have in an attribute of the request.
_ELSEWHERE: Final = {
    "app": "the application is call.get(Application)",
    "args": "inputs are parameters of run",
    "body": "the fields of a body are parameters of run",
    "cookies": "declare cookies as inputs, as in Annotated[str, Cookie()]",
    "broadcast": "channels are call.get(Channels), of actionhero_channels",
    "data": "inputs are parameters of run",
    "enqueue": "jobs are enqueued by call.get(Tasks), of actionhero_tasks",
    "form": "the fields of a form are parameters of run",
    "headers": "declare headers as inputs, as in Annotated[str, Header()]",
    "json": "the fields of a body are parameters of run",
    "log": "write log messages by logging.getLogger(__name__)",
    "logger": "write log messages by logging.getLogger(__name__)",
    "params": "inputs are parameters of run",
    "query": "the fields of a query are parameters of run",
    "request": "the request over HTTP is call.connection.raw",
    "state": "the state of a call is call.scratch",
    "user": "the caller is call.principal",
}


def without_message(error: TypedError) -> TypeError:
    """Return the error of a class whose `__init__` does not call that of `TypedError`."""
    name = type(error).__qualname__
    message = f"{name}.__init__ does not call super().__init__(message); add the call"
    return TypeError(message).with_traceback(error.__traceback__)


def described(error: BaseException) -> BaseException | str:
    """Return an error, with its type if its text alone says nothing, as that of a key."""
    if str(error) and not isinstance(error, KeyError | SystemExit):
        return error
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def place_of_result(error: BaseException, action: RegisteredAction) -> str:
    """Return where an action returns an invalid result, in parentheses; empty for other errors."""
    if isinstance(error, OutputMismatch):
        return f" ({action.source})"
    if not isinstance(error, UnsupportedResult | UnsupportedType):
        return ""
    place = place_of_call(action.instance.run, error.called) if error.called else action.source
    return f" ({place})"


def lacks_request(error: BaseException, call: Call) -> bool:
    """Return whether an error is that of code which uses a request where there is none."""
    traceback = error.__traceback__
    if (
        traceback is None
        or not isinstance(error, AttributeError)
        or error.obj is not None
        or call.connection.raw is not None
    ):
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return {"connection", "raw"} <= set(traceback.tb_frame.f_code.co_names)


def attribute_advice(error: BaseException, call: Call) -> str:
    """Return the remedy for an attribute that a call does not have; empty for other errors."""
    if not isinstance(error, AttributeError) or error.obj is not call:
        return ""
    # Imported here because few calls fail in this way.
    from difflib import get_close_matches  # noqa: PLC0415

    names = [name for name in dir(call) if not name.startswith("_")]
    missing = error.name or ""
    near = get_close_matches(missing, names, n=1)
    remedy = _ELSEWHERE.get(missing) or (f"did you mean {near[0]!r}?" if near else "")
    return f"; {remedy}" if remedy else ""
